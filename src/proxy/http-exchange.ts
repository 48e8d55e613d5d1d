import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import { StatusError } from '../kubernetes/status.js';
import type { RequestRecord } from '../observability/request-record.js';
import type { UpstreamConnection } from '../upstream/dispatcher.js';
import type { UpstreamSession } from '../upstream/upstream.js';
import { toUpstreamError } from '../upstream/upstream-error.js';
import { fieldValue, hasField, inboundHeaders, trailerFields, withPossibleTrailer } from './headers.js';
import type { OpenStream } from './open-streams.js';
import { bringsAuthorization, outboundRequest, type ProxyContext } from './outbound-request.js';
import { hasBody, RequestBody } from './request-body.js';

const clientLeft = new Error('the client left');
const ended = new Error('ended by this side');
const replaced = new Error('sent again with another credential');

/**
 * Bytes of an answer that wait for its client before its upstream connection waits too. At Node's own mark of 16 KB every
 * TLS record stopped the parser, and a 2.9 MB list took twice the CPU time.
 */
const maxBuffered = 256 * 1024;
const batch = 64 * 1024;

/**
 * One plain request and its answer: bytes go from undici's parser to the client's socket without a stream in between.
 * It is undici's dispatch handler, in the form that gets headers as sent.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, OpenStream {
  readonly #context: ProxyContext;
  readonly #reply: FastifyReply;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #longRunning: boolean;
  readonly #hasBody: boolean;
  readonly isUpgraded = false;
  #sentAt = 0;
  #session: UpstreamSession | undefined;
  #connection: UpstreamConnection | undefined;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #aborted: Error | undefined;
  /** Whether a byte of the answer has come from upstream. */
  #answered = false;
  /** Whether a 401 has been tried again with another credential. */
  #renewed = false;
  /** Whether a byte of the body has gone to the client. */
  #streaming = false;
  #corked = false;
  /** Whether the client can tell a complete answer from one that broke off. */
  #delimited = true;
  #done = false;

  constructor(context: ProxyContext, request: FastifyRequest, reply: FastifyReply) {
    this.#context = context;
    this.#reply = reply;
    this.#request = request.raw;
    this.#response = reply.raw;
    this.#longRunning = request.record.longRunning;
    this.#hasBody = hasBody(request.raw);
  }

  /** Sends the request upstream; everything that follows ends on the reply. */
  start(): void {
    this.#record.onEnd = () => this.#onClientClose();
    if (this.#longRunning) this.#context.openStreams.add(this);
    else if (this.#context.requestTimeout > 0) {
      this.#timer = setTimeout(() => this.#onTimeout(), this.#context.requestTimeout);
    }
    const session = this.#context.upstream.session();
    if (!(session instanceof Promise)) this.#send(session);
    else session.then(late => this.#send(late)).catch(error => this.#fail(error));
  }

  get #record(): RequestRecord {
    return this.#reply.request.record;
  }

  #send(session: UpstreamSession): void {
    if (this.#done) return;
    this.#session = session;
    this.#dispatch(session, session.dispatcher.acquire());
  }

  #dispatch(session: UpstreamSession, connection: UpstreamConnection): void {
    this.#connection = connection;
    this.#answered = false;
    this.#sentAt = performance.now();
    const { path, headers } = outboundRequest(this.#context, this.#reply.request, session);
    const method = this.#request.method as Dispatcher.HttpMethod;
    const body = this.#hasBody ? new RequestBody(this.#request) : null;
    connection.client.dispatch({ path, method, headers, body }, this);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#aborted !== undefined) abort(this.#aborted);
  }

  onResponseStarted(): void {
    if (!this.#answered) this.#context.traffic.firstByte(performance.now() - this.#sentAt);
    this.#answered = true;
  }

  onHeaders(statusCode: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    // 1xx is between the API server and this program, but for 101, which no plain request asks for.
    if (statusCode >= 100 && statusCode < 200) return true;
    this.#resume = resume;
    if (statusCode === 401 && !this.#renewed && !bringsAuthorization(this.#context, this.#reply.request)) {
      const renewal = this.#context.upstream.refused(this.#session as UpstreamSession);
      this.#renewed = true;
      if (!this.#hasBody) {
        void renewal.then(next => {
          if (next !== undefined) this.#sendAgain(next);
          else if (!this.#done) {
            this.#head(statusCode, rawHeaders, statusText);
            resume();
          }
        });
        return false;
      }
    }
    this.#head(statusCode, rawHeaders, statusText);
    return true;
  }

  #head(statusCode: number, rawHeaders: Buffer[], statusText: string): void {
    const response = this.#response;
    const headers = inboundHeaders(rawHeaders.map(latin1));
    const { answerHeaders } = this.#reply.request;
    if (answerHeaders !== undefined) headers.push(...answerHeaders);
    response.sendDate = false;
    if (this.#context.openStreams.ending) response.shouldKeepAlive = false;
    // Throws on what no HTTP/1.1 answer can have; only after that the reply is out of Fastify's hands.
    response.writeHead(statusCode, statusText, withPossibleTrailer(headers, response));
    this.#reply.hijack();
    this.#delimited = response.chunkedEncoding || hasField(headers, 'content-length');
    this.#record.auditId = fieldValue(headers, 'audit-id');
    if (this.#longRunning) {
      this.#record.opened(statusCode);
      response.flushHeaders();
    } else {
      // A plain head leaves together with its first bytes of body, or after one turn of the event loop without any.
      setImmediate(flushHeaders, this);
    }
  }

  onData(chunk: Buffer): boolean {
    // What undici's parser makes of going on after a pause.
    if (chunk.length === 0) return true;
    this.#streaming = true;
    const response = this.#response;
    if (!this.#corked) {
      this.#corked = true;
      response.cork();
      setImmediate(uncork, this);
    }
    response.write(chunk);
    const waiting = response.writableLength;
    if (waiting >= batch) this.uncork();
    if (waiting < maxBuffered) return true;
    response.once('drain', this.#resume as () => void);
    return false;
  }

  /** Sends what came within one turn of the event loop. */
  uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#response.uncork();
  }

  onComplete(trailers: string[] | null): void {
    if (this.#connection?.broken) {
      this.onError(Object.assign(new Error('reset before the end'), { code: 'ECONNRESET' }));
      return;
    }
    this.#release();
    if (this.#done) return;
    this.#record.endedBy ??= 'upstream';
    if (trailers !== null && trailers.length > 0 && this.#response.chunkedEncoding) {
      this.#response.addTrailers(trailerFields(trailers));
    }
    this.#finish();
    this.#response.end();
  }

  onError(error: Error): void {
    const session = this.#session as UpstreamSession;
    const stale = this.#connection?.reused === true && !this.#answered;
    this.#discard();
    if (this.#done || error === replaced) return;
    if (stale && this.#isRetriable() && this.#aborted === undefined) {
      this.#dispatch(session, session.dispatcher.connect());
      return;
    }
    this.#fail(this.#aborted ?? toUpstreamError(error, session.host));
  }

  /** Ends the answer as the API server ends a watch: with its last chunk. */
  end(): void {
    this.#record.endedBy ??= 'shutdown';
    if (!this.#response.headersSent) {
      this.#fail(new StatusError(503, 'kube-api-proxy is shutting down'));
    } else if (!this.#done) {
      this.#finish();
      this.#response.end();
    }
    this.#cancel(ended);
  }

  destroy(): void {
    this.#record.endedBy ??= 'shutdown';
    this.#request.socket.destroy();
  }

  /** Sends a head that has waited for a body in vain. */
  flush(): void {
    if (!this.#streaming && !this.#done) this.#response.flushHeaders();
  }

  /** A request that the API server may get twice: without a body, and changing nothing. */
  #isRetriable(): boolean {
    const { method } = this.#request;
    return !this.#hasBody && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
  }

  /** A request that was refused has changed nothing, whatever its method: it may go again, while its client waits. */
  #sendAgain(session: UpstreamSession): void {
    if (this.#done || this.#connection === undefined) return;
    this.#abort?.(replaced);
    this.#send(session);
  }

  #onClientClose(): void {
    if (this.#done) return;
    this.#record.endedBy ??= 'client';
    this.#finish();
    this.#cancel(clientLeft);
  }

  #onTimeout(): void {
    const seconds = this.#context.requestTimeout / 1000;
    this.#fail(new StatusError(504, `the API server did not answer within --request-timeout (${seconds}s)`));
    this.#cancel(ended);
  }

  /** Answers with a Status while that is possible, else lets the client see that the answer is cut. */
  #fail(error: Error): void {
    if (this.#done) return;
    this.#record.endedBy ??= 'error';
    this.#finish();
    if (!this.#response.headersSent) this.#reply.send(error);
    else {
      this.#record.failure = error;
      this.#cut();
    }
  }

  /**
   * Ends the connection in the middle of an answer, what is already written first: no last chunk, fewer bytes than
   * Content-Length says, and a reset where the end of the connection would pass for the end of the answer.
   */
  #cut(): void {
    const { socket } = this.#request;
    if (this.#delimited) socket.destroySoon();
    else socket.resetAndDestroy();
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
    if (this.#longRunning) this.#context.openStreams.delete(this);
  }

  #cancel(reason: Error): void {
    this.#aborted = reason;
    if (this.#abort !== undefined) this.#abort(reason);
    else this.#discard();
  }

  #release(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.dispatcher.release(connection);
  }

  #discard(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.dispatcher.discard(connection);
  }
}

function uncork(exchange: HttpExchange): void {
  exchange.uncork();
}

function flushHeaders(exchange: HttpExchange): void {
  exchange.flush();
}

function latin1(field: Buffer): string {
  return field.toString('latin1');
}
