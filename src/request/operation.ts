import type { IncomingMessage } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { parseRequestInfo, type RequestInfo } from '../kubernetes/request-info.js';
import type { Destination, Mount } from './mount.js';
import { parseRequestTarget, type RequestTarget } from './request-target.js';

/** The parts of a message that say what is done. */
export type OperationMessage = Pick<IncomingMessage, 'method' | 'rawHeaders'> & {
  /** True for a request that came as an `upgrade` event. */
  readonly upgrade?: boolean;
};

/**
 * The info for the guards if a request's path is not below the path of the server's URL: no guard can know what such a request is about.
 */
const unknown = parseRequestInfo('', '\\', '');

/** What a request does and where it goes, whoever sends it. A request that nobody has sent can be judged as an operation. */
export class Operation {
  readonly raw: OperationMessage;
  readonly mount: Mount;
  /** The prefix that was removed from the target, as the client spelled it; empty if there was none. */
  readonly prefix: string;
  /** The API server that the request goes to. If it goes to none, this is the one of `/`. */
  readonly cluster: Cluster;
  /** The target without the mount's prefix, if the request goes to an API server; otherwise the target as sent. */
  readonly target: RequestTarget;
  /** What the request is about, for metrics and logs. Guards use `judgedInfo`. */
  readonly info: RequestInfo;
  /** What guards rely on: `info`, unless the path is not below the path of the server's URL. */
  readonly judgedInfo: RequestInfo;
  #endpoint: Endpoint | undefined;

  constructor(raw: OperationMessage, { mount, target, prefix, cluster }: Destination) {
    this.raw = raw;
    this.mount = mount;
    this.prefix = prefix;
    this.cluster = cluster;
    this.#endpoint = cluster.endpoint;
    this.target = parseRequestTarget(target);
    const { path, query } = this.target;
    const { serverPath } = this;
    const isBelow = serverPath !== '' && path.startsWith(`${serverPath}/`);
    this.info = parseRequestInfo(raw.method as string, isBelow ? path.slice(serverPath.length) : path, query);
    this.judgedInfo = serverPath === '' || isBelow ? this.info : unknown;
  }

  /** The endpoint for which every guard judges the request, even if the cluster gets another one meanwhile. */
  get endpoint(): Endpoint {
    if (this.#endpoint === undefined) throw new Error(`the cluster ${this.cluster.name} is not open`);
    return this.#endpoint;
  }

  /** Opens the cluster if this is its first request; before that, there is no endpoint. Rejects with a ConfigurationError. */
  openCluster(): Promise<void> | undefined {
    if (this.#endpoint !== undefined) return undefined;
    return this.cluster.open().then(endpoint => {
      this.#endpoint = endpoint;
    });
  }

  /** Path of the server's URL, which clients send at the beginning of each path; empty if the proxy adds it itself. */
  get serverPath(): string {
    return this.mount.appendsServerPath ? '' : this.endpoint.config.server.path;
  }
}
