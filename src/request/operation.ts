import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { RequestHead, type RequestMessage } from '../http/request-head.js';
import type { Destination, Mount } from './mount.js';
import { RequestPath } from './request-path.js';

/** What a request does and where it goes, whoever sends it. A request that nobody has sent can be judged as an operation. */
export class Operation {
  readonly head: RequestHead;
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
  constructor(message: RequestMessage, { mount, target, prefix, cluster }: Destination, received: string) {
    this.head = new RequestHead(message);
    this.mount = mount;
    this.cluster = cluster;
    if (cluster.endpoint !== undefined) this.endpoint = cluster.endpoint;
    // Clients send the path of the server's URL, unless the proxy adds it.
    const serverPath = mount.appendsServerPath ? '' : this.endpoint.config.server.path;
    this.path = new RequestPath({ method: this.head.method, received, target, prefix, serverPath });
  }

  /** Opens the cluster if this is its first request; before that, there is no endpoint. Rejects with a ConfigurationError. */
  openCluster(): Promise<void> | undefined {
    if (this.endpoint !== undefined) return undefined;
    return this.cluster.open().then(endpoint => {
      this.endpoint = endpoint;
    });
  }
}
