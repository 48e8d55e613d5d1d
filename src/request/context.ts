import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { sameOriginOnly } from '../http/header-fields.js';
import type { Http2Answer } from '../http/http2-answer.js';
import { RequestHead, type RequestMessage } from '../http/request-head.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { type PhaseObserver, timed } from '../lib/phases.js';
import type { PermittedUser } from '../reviews/impersonation-reviews.js';
import type { Destination, Mount } from './mount.js';
import type { RequestRecord } from './record.js';
import { RequestPath } from './request-path.js';

/** What a request does and where it goes, whoever sends it. A request that nobody has sent can be judged as an operation. */
export class Operation {
  readonly head: RequestHead;
  readonly mount: Mount;
  /** The API server that the request goes to. If it goes to none, this is the one of `/`. */
  readonly cluster: Cluster;
  readonly path: RequestPath;
  /**
   * The endpoint for which every guard judges the request, even if the cluster gets another one meanwhile. It is undefined until the cluster
   * is open: see OpenRequest.
   */
  endpoint: Endpoint | undefined;

  /** @param received The target as the client sent it. */
  constructor(message: RequestMessage, { mount, target, prefix, cluster }: Destination, received: string) {
    this.head = new RequestHead(message);
    this.mount = mount;
    this.cluster = cluster;
    this.endpoint = cluster.endpoint;
    // Clients send the path of the server's URL, unless the proxy adds it. It adds it for a context, whose cluster may not be open yet.
    const serverPath = mount.appendsServerPath ? '' : (this.endpoint as Endpoint).config.server.path;
    this.path = new RequestPath({ method: this.head.method, received, target, prefix, serverPath });
  }

  /** Returns the endpoint, after opening the cluster if this is its first request. Rejects with a ConfigurationError. */
  openCluster(phases?: PhaseObserver): Endpoint | Promise<Endpoint> {
    if (this.endpoint !== undefined) return this.endpoint;
    const opening = this.cluster.open();
    return timed(phases, 'credential', opening, opening).then(endpoint => {
      this.endpoint = endpoint;
      return endpoint;
    });
  }
}

/** One request while the guards judge it, plain or with an upgrade. */
export class RequestContext extends Operation {
  readonly raw: IncomingMessage;
  readonly reply: FastifyReply;
  /** The client's address, from a trusted proxy in front of this one; undefined if the peer is the client. */
  clientAddress: string | undefined;
  /** The user who sends the request; undefined before authentication, and if callers are not authenticated. */
  caller: UserInfo | undefined;
  /** Whether a bearer token has decided who the caller is. */
  isByToken = false;
  /** The user that the caller acts as, with the API server's permission; undefined for a caller that acts under its own name. */
  impersonated: PermittedUser | undefined;
  /** Counts, logs and records the request. The server sets it before any guard runs. */
  record!: RequestRecord;
  /** The response as one of HTTP/2; undefined over HTTP/1.1. */
  readonly http2: Http2Answer | undefined;
  /** Header fields that are added to those of the answer, whoever gives it: name, value, … Guards add more. */
  answerHeaders: readonly string[] = sameOriginOnly;

  constructor(raw: IncomingMessage, reply: FastifyReply, destination: Destination) {
    super(raw, destination, reply.request.originalUrl);
    this.raw = raw;
    this.reply = reply;
    this.http2 = raw.httpVersionMajor === 2 ? (reply.raw as unknown as Http2Answer) : undefined;
  }
}

/** A request whose cluster is open: every one behind the guard that opens it. Nothing checks that. */
export interface OpenRequest extends RequestContext {
  endpoint: Endpoint;
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
