import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import { StatusError } from '../kubernetes/status.js';
import type { UpstreamConnection } from '../upstream/dispatcher.js';
import type { Upstream } from '../upstream/upstream.js';
import { toUpstreamError } from '../upstream/upstream-error.js';
import { inboundHeaders } from './headers.js';
import type { OpenStream, OpenStreams } from './open-streams.js';
import { hasBody, RequestBody } from './request-body.js';

/** What every exchange with the API server has in common. */
export interface ProxyContext {
  readonly upstream: Upstream;
  readonly openStreams: OpenStreams;
  /** Milliseconds that a request may take that is not long-running; 0 for no limit. */
  readonly requestTimeout: number;
  /** TCP keep-alive period of upgraded connections in milliseconds. */
  readonly keepAlive: number;
}

/** What is sent upstream for one client request, besides its body. */
export interface OutboundRequest {
  readonly path: string;
  readonly headers: string[];
}

const clientLeft = new Error('the client left');
const ended = new Error('ended by this side');

/**
 * One plain request and its answer: bytes go from undici's parser to the client's socket without a stream in between.
 * It is undici's dispatch handler, in the form that gets headers as sent.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, OpenStream {
  readonly #context: ProxyContext;
  readonly #reply: FastifyReply;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #outbound: OutboundRequest;
  readonly #longRunning: boolean;
  readonly #retriable: boolean;
  #connection: UpstreamConnection | undefined;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #aborted: Error | undefined;
  /** Whether a byte of the answer has come from upstream. */
  #answered = false;
  /** Whether a byte of the body has gone to the client. */
  #streaming = false;
  /** Whether the client can tell a complete answer from one that broke off. */
  #delimited = true;
  #done = false;

  constructor(
    context: ProxyContext,
    request: FastifyRequest,
    reply: FastifyReply,
    outbound: OutboundRequest,
  ) {
    this.#context = context;
    this.#reply = reply;
    this.#request = request.raw;
    this.#response = reply.raw;
    this.#outbound = outbound;
    this.#longRunning = request.record.longRunning;
    const { method } = request.raw;
    this.#retriable =
      (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') && !hasBody(request.raw);
  }

  /** Sends the request upstream; everything that follows ends on the reply. */
  start(): void {
    this.#response.once('close', () => this.#onClientClose());
    if (this.#longRunning) this.#context.openStreams.add(this);
    else if (this.#context.requestTimeout > 0) {
      this.#timer = setTimeout(() => this.#onTimeout(), this.#context.requestTimeout);
    }
    this.#dispatch(this.#context.upstream.dispatcher.acquire());
  }

  #dispatch(connection: UpstreamConnection): void {
    this.#connection = connection;
    const { path, headers } = this.#outbound;
    connection.client.dispatch(
      {
        path,
        method: this.#request.method as Dispatcher.HttpMethod,
        headers,
        body: hasBody(this.#request) ? new RequestBody(this.#request) : null,
      },
      this,
    );
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#aborted !== undefined) abort(this.#aborted);
  }

  onResponseStarted(): void {
    this.#answered = true;
  }

  onHeaders(statusCode: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    // 1xx is between the API server and this program, but for 101, which no plain request asks for.
    if (statusCode < 200) return true;
    this.#resume = resume;
    const response = this.#response;
    const headers = inboundHeaders(rawHeaders.map(field => field.toString('latin1')));
    this.#reply.hijack();
    response.sendDate = false;
    response.writeHead(statusCode, statusText, withPossibleTrailer(headers, response));
    this.#delimited = response.chunkedEncoding || has(headers, 'content-length');
    if (this.#longRunning) response.flushHeaders();
    // A plain head leaves together with its first bytes of body, or after one turn of the event loop without any.
    else setImmediate(flushHeaders, this);
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#streaming = true;
    const flowing = this.#response.write(chunk);
    if (!flowing) this.#response.once('drain', this.#resume as () => void);
    return flowing;
  }

  onComplete(trailers: string[] | null): void {
    const { dispatcher } = this.#context.upstream;
    dispatcher.release(this.#connection as UpstreamConnection);
    this.#connection = undefined;
    if (this.#done) return;
    if (trailers !== null && trailers.length > 0 && this.#response.chunkedEncoding) {
      this.#response.addTrailers(pairs(trailers));
    }
    this.#finish();
    this.#response.end();
  }

  onError(error: Error): void {
    const { dispatcher } = this.#context.upstream;
    const stale = this.#connection?.reused === true && !this.#answered;
    if (this.#connection !== undefined) dispatcher.discard(this.#connection);
    this.#connection = undefined;
    if (this.#done) return;
    if (stale && this.#retriable && this.#aborted === undefined) {
      this.#dispatch(dispatcher.connect());
      return;
    }
    this.#fail(this.#aborted ?? toUpstreamError(error, this.#context.upstream.host));
  }

  /** Ends the answer as the API server ends a watch: with its last chunk. */
  end(): void {
    if (!this.#response.headersSent) {
      this.#fail(new StatusError(503, 'kube-api-proxy is shutting down'));
    } else if (!this.#done) {
      this.#finish();
      this.#response.end();
    }
    this.#cancel(ended);
  }

  destroy(): void {
    this.#response.destroy();
  }

  #onClientClose(): void {
    if (this.#done) return;
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
    this.#finish();
    if (!this.#response.headersSent) this.#reply.send(error);
    else {
      this.#reply.request.record.failure = error;
      this.#cut();
    }
  }

  /**
   * Ends the connection in the middle of an answer, what is already written first: no last chunk, fewer bytes than
   * Content-Length says, and a reset where the end of the connection would pass for the end of the answer.
   */
  #cut(): void {
    const { socket } = this.#response;
    if (this.#delimited) socket?.destroySoon();
    else socket?.resetAndDestroy();
  }

  /** Sends a head that has waited for a body in vain. */
  flush(): void {
    if (!this.#streaming && !this.#done) this.#response.flushHeaders();
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
    if (this.#longRunning) this.#context.openStreams.delete(this);
  }

  #cancel(reason: Error): void {
    this.#aborted = reason;
    this.#abort?.(reason);
  }
}

function flushHeaders(exchange: HttpExchange): void {
  exchange.flush();
}

/** Node refuses to send a Trailer field without chunked framing, which it is meaningless without (RFC 9110, section 6.6.2). */
function withPossibleTrailer(headers: string[], { req }: ServerResponse): string[] {
  const trailer = indexOf(headers, 'trailer');
  if (trailer === -1) return headers;
  const possible = req.httpVersion !== '1.0' && req.method !== 'HEAD' && !has(headers, 'content-length');
  if (!possible) headers.splice(trailer, 2);
  return headers;
}

function has(headers: readonly string[], key: string): boolean {
  return indexOf(headers, key) !== -1;
}

function indexOf(headers: readonly string[], key: string): number {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (name.length === key.length && name.toLowerCase() === key) return index;
  }
  return -1;
}

function pairs(fields: readonly (string | Buffer)[]): [string, string][] {
  const result: [string, string][] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    result.push([latin1(fields[index] as string | Buffer), latin1(fields[index + 1] as string | Buffer)]);
  }
  return result;
}

function latin1(field: string | Buffer): string {
  return typeof field === 'string' ? field : field.toString('latin1');
}
