import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { parseRequestInfo, type RequestInfo } from '../kubernetes/request-info.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestRecord } from '../observability/request-record.js';
import type { Destination, Mount } from './mount.js';
import { parseRequestTarget, type RequestTarget } from './request-target.js';

/**
 * The info for the guards if a request's path is not below the path of the server's URL: no guard can know what such a request is about.
 */
const unknown = parseRequestInfo('', '\\', '');

/** One request while the guards judge it, plain or with an upgrade. */
export class RequestContext {
  readonly raw: IncomingMessage;
  readonly reply: FastifyReply;
  readonly mount: Mount;
  /** The target without the mount's prefix, if the request goes to an API server; otherwise the target as sent. */
  readonly target: RequestTarget;
  /**
   * The whole target as sent. Answers to unauthenticated callers depend on this alone, because `target` reveals whether the prefix names a
   * context.
   */
  readonly sent: RequestTarget;
  /** What the request is about, for metrics and logs. Guards use `judgedInfo`. */
  readonly info: RequestInfo;
  /** What guards rely on: `info`, unless the path is not below the path of the server's URL. */
  readonly judgedInfo: RequestInfo;
  /** The prefix that was removed from the target, as the client spelled it; empty if there was none. */
  readonly prefix: string;
  /** The API server that the request goes to. If it goes to none, this is the one of `/`. */
  readonly cluster: Cluster;
  /** The user who sends the request; undefined before authentication, and if callers are not authenticated. */
  caller: UserInfo | undefined;
  /** Counts, logs and audits the request. Accounting sets it before any guard runs. */
  record!: RequestRecord;
  /** Header fields that are added to those of the API server's answer: name, value, …; undefined if there are none. */
  answerHeaders: readonly string[] | undefined;
  #endpoint: Endpoint | undefined;
  readonly #onEnd: (() => void)[] = [];
  #hasEnded = false;

  constructor(raw: IncomingMessage, reply: FastifyReply, { mount, target, prefix, cluster }: Destination) {
    this.raw = raw;
    this.reply = reply;
    this.mount = mount;
    this.prefix = prefix;
    this.cluster = cluster;
    this.#endpoint = cluster.endpoint;
    this.target = parseRequestTarget(target);
    this.sent = mount.namesContext ? parseRequestTarget(this.originalUrl) : this.target;
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

  /** The request target as sent. */
  get originalUrl(): string {
    return this.reply.request.originalUrl;
  }

  /** Whether the request has ended: its answer was sent, or its client has gone. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Calls back when the request ends, or immediately if it has ended. */
  onEnd(callback: () => void): void {
    if (this.#hasEnded) callback();
    else this.#onEnd.push(callback);
  }

  /** Ends the request. Accounting calls this once. */
  end(): void {
    this.#hasEnded = true;
    for (const callback of this.#onEnd) callback();
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext;
  }
}

declare module 'node:http' {
  interface IncomingMessage {
    /** True for a request that came as an `upgrade` event. Node's parser sets it, but Node's types lack it. */
    readonly upgrade?: boolean;
    /** Where the request goes; chosen before Fastify's router runs. */
    destination?: Destination;
  }
}
