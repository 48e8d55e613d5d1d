import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestRecord } from '../observability/request-record.js';
import type { Destination } from './mount.js';
import { Operation } from './operation.js';
import { parseRequestTarget, type RequestTarget } from './request-target.js';

/** One request while the guards judge it, plain or with an upgrade. */
export class RequestContext extends Operation {
  declare readonly raw: IncomingMessage;
  readonly reply: FastifyReply;
  /**
   * The whole target as sent. Answers to unauthenticated callers depend on this alone, because `target` reveals whether the prefix names a
   * context.
   */
  readonly sent: RequestTarget;
  /** The user who sends the request; undefined before authentication, and if callers are not authenticated. */
  caller: UserInfo | undefined;
  /** Counts, logs and audits the request. Accounting sets it before any guard runs. */
  record!: RequestRecord;
  /** Header fields that are added to those of the API server's answer: name, value, …; undefined if there are none. */
  answerHeaders: readonly string[] | undefined;
  readonly #onEnd: (() => void)[] = [];
  #hasEnded = false;

  constructor(raw: IncomingMessage, reply: FastifyReply, destination: Destination) {
    super(raw, destination);
    this.reply = reply;
    this.sent = this.mount.namesContext ? parseRequestTarget(this.originalUrl) : this.target;
  }

  /** The path as sent, below the path of the server's URL. Undefined for all other paths, which may lead to another API server. */
  get apiPath(): string | undefined {
    const { serverPath } = this;
    const { rawPath } = this.target;
    if (serverPath === '') return rawPath;
    return rawPath.startsWith(`${serverPath}/`) ? rawPath.slice(serverPath.length) : undefined;
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
