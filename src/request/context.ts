import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { parseRequestInfo, type RequestInfo } from '../kubernetes/request-info.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestRecord } from '../observability/request-record.js';
import type { Destination, Mount } from './mount.js';
import { parseRequestTarget, type RequestTarget } from './request-target.js';

/** What the rules get of a request to a path that is not below that of the server's URL: no rule can know what it is about. */
const unknown = parseRequestInfo('', '\\', '');

/** One request on its way through the guards, plain or with an upgrade. */
export class RequestContext {
  readonly raw: IncomingMessage;
  readonly reply: FastifyReply;
  readonly mount: Mount;
  /** For a request to an API server below its mount's prefix, for others as sent. */
  readonly target: RequestTarget;
  /** The whole target as sent. What strangers can see depends on nothing else: the rest tells whether its prefix names a context. */
  readonly sent: RequestTarget;
  /** What the request is about. Metrics and logs use it; a rule uses `judgedInfo`. */
  readonly info: RequestInfo;
  /** What the rules rely on: `info`, unless the path is not below the path of the server's URL. */
  readonly judgedInfo: RequestInfo;
  /** The prefix that was removed from the target, as the client spells it; empty for none. */
  readonly prefix: string;
  /** The API server that the request goes to, or that belongs to `/` if it goes to none. */
  readonly cluster: Cluster;
  /** The user who sends the request; undefined where callers are not authenticated, and before they are. */
  caller: UserInfo | undefined;
  /** What is counted, logged and audited of it; the accounting sets it before any guard runs. */
  record!: RequestRecord;
  /** Fields that the answer gets besides those of the API server: name, value, …; undefined for none. */
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

  /** Every rule judges the request for this endpoint, even if the cluster gets another one meanwhile. */
  get endpoint(): Endpoint {
    if (this.#endpoint === undefined) throw new Error(`the cluster ${this.cluster.name} is not open`);
    return this.#endpoint;
  }

  /** Opens the cluster if this is its first request: only then is there an endpoint. Rejects with a ConfigurationError. */
  openCluster(): Promise<void> | undefined {
    if (this.#endpoint !== undefined) return undefined;
    return this.cluster.open().then(endpoint => {
      this.#endpoint = endpoint;
    });
  }

  /** Path of the server's URL, which clients send before each path; empty where the proxy does that for them. */
  get serverPath(): string {
    return this.mount.appendsServerPath ? '' : this.endpoint.config.server.path;
  }

  /** The request target as sent. */
  get originalUrl(): string {
    return this.reply.request.originalUrl;
  }

  /** Whether the request is over: its answer is out, or its client has gone. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Calls back when the request is over; at once if it is. */
  onEnd(callback: () => void): void {
    if (this.#hasEnded) callback();
    else this.#onEnd.push(callback);
  }

  /** The accounting calls it, once, when the request is over. */
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
    /** True for a request that came as an `upgrade` event: Node's parser sets it, and its types lack it. */
    readonly upgrade?: boolean;
    /** Where the request goes; chosen before Fastify's router runs. */
    destination?: Destination;
  }
}
