import type { IncomingMessage } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import type { Destination, Mount } from './mount.js';
import { RequestPath } from './request-path.js';

/** The parts of a message that say what is done. */
export type OperationMessage = Pick<IncomingMessage, 'method' | 'rawHeaders'> & {
  /** True for a request that came as an `upgrade` event. */
  readonly upgrade?: boolean;
};

/** What a request does and where it goes, whoever sends it. A request that nobody has sent can be judged as an operation. */
export class Operation {
  readonly raw: OperationMessage;
  readonly mount: Mount;
  /** The API server that the request goes to. If it goes to none, this is the one of `/`. */
  readonly cluster: Cluster;
  readonly path: RequestPath;
  /**
   * The endpoint for which every guard judges the request, even if the cluster gets another one meanwhile. It is there once the cluster is
   * open, which a guard sees to before any part needs it.
   */
  endpoint!: Endpoint;

  /** @param received The target as the client sent it. */
  constructor(raw: OperationMessage, { mount, target, prefix, cluster }: Destination, received: string) {
    this.raw = raw;
    this.mount = mount;
    this.cluster = cluster;
    if (cluster.endpoint !== undefined) this.endpoint = cluster.endpoint;
    // Clients send the path of the server's URL, unless the proxy adds it.
    const serverPath = mount.appendsServerPath ? '' : this.endpoint.config.server.path;
    this.path = new RequestPath({ method: raw.method as string, received, target, prefix, serverPath });
  }

  /** Opens the cluster if this is its first request; before that, there is no endpoint. Rejects with a ConfigurationError. */
  openCluster(): Promise<void> | undefined {
    if (this.endpoint !== undefined) return undefined;
    return this.cluster.open().then(endpoint => {
      this.endpoint = endpoint;
    });
  }
}
