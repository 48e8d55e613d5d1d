import type { IncomingMessage } from 'node:http';
import { parseQuery } from '../kubernetes/query.js';
import { StatusError } from '../kubernetes/status.js';
import type { OpenRequest } from '../request/context.js';
import type { Revocation } from '../request/recorded-request.js';
import type { ClientSink, ConnectionKind } from '../transport/round-trip.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import type { AnswerFrames } from './answer-frames.js';
import { ClientRequest, type ProxyContext, upstreamRequest } from './client-request.js';
import { framedErrorEvent } from './farewell.js';
import { longestEnd, type StreamEnd } from './open-streams.js';
import { RequestBody } from './request-body.js';
import type { Route, RoutedTrip } from './route.js';

/** One plain request, and its lifetime. The client, the request timeout or a shutdown may end it before its answer is complete. */
export class PlainRequest extends ClientRequest<ClientSink> {
  readonly #hasBody: boolean;
  /**
   * `shared` for a watch or a log, which the API server itself answers. Answers of programs behind the API server are passed on byte for
   * byte, over HTTP/1.1.
   */
  readonly #connection: ConnectionKind;
  readonly #message: IncomingMessage;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ProxyContext, request: OpenRequest) {
    super(context, request);
    this.#message = request.raw;
    this.#hasBody = request.head.hasBody;
    const { verb, subresource } = request.record.info;
    const isShared =
      (verb === 'watch' || subresource === 'log') && request.head.method === 'GET' && !this.#hasBody;
    this.#connection = isShared ? 'shared' : 'any';
  }

  /** Sends the request to the API server. Every result and error goes to the reply. */
  start(): void {
    const { record, http2 } = this.request;
    this.context.openStreams.add(this);
    if (!record.longRunning && this.context.requestTimeout > 0) this.#startTimer();
    record.onEnd(() => this.#onClientClose());
    if (http2 === undefined && this.#isEndless()) this.#endWithClient();
    if (this.writer.state === 'over') return;
    this.send(this.#upstreamRequest(), this.writer);
  }

  get mayBeEnded(): boolean {
    return this.writer.trip?.mayExpire === true || this.context.openStreams.mayEnd(this.request);
  }

  protected offer(route: Route, request: UpstreamRequest, sink: ClientSink): RoutedTrip | undefined {
    return route.take(this.request, request, sink, this);
  }

  #upstreamRequest(): UpstreamRequest {
    const { method, contentLength } = this.request.head;
    const body = this.#hasBody ? new RequestBody(this.request, this.context.patience) : undefined;
    const saysNoBody = body === undefined && contentLength !== undefined;
    return upstreamRequest(this.context, this.request, {
      headers: body?.framing ?? (saysNoBody ? ['Content-Length', '0'] : []),
      body,
      connection: this.#connection,
      isRepeatable: body === undefined && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS'),
    });
  }

  /** Whether the answer goes on without end, and may be silent for long. */
  #isEndless(): boolean {
    const { info } = this.request.record;
    if (info.verb === 'watch') return true;
    return info.subresource === 'log' && parseQuery(this.request.path.forServer.query).has('follow');
  }

  /**
   * Ends a watch at once when its client closes its side (FIN). Most likely the client has left. Only a write could show that, and the next
   * write may be minutes away. In net/http, and so in kubectl proxy, a FIN cancels every request (`connReader.handleReadError`).
   */
  #endWithClient(): void {
    const { socket } = this.#message;
    if (socket.readableEnded) this.#onClientEnd();
    else socket.once('end', this.#onClientEnd);
  }

  #onClientEnd = (): void => {
    this.#onClientClose();
    this.#message.socket.destroySoon();
  };

  #onClientClose(): void {
    clearTimeout(this.#timer);
    if (this.writer.state === 'over') return;
    this.request.record.endedBy ??= 'client';
    this.writer.close();
    this.writer.trip?.abort();
  }

  onOpened(): void {
    this.context.openStreams.opened(this);
  }

  override onOver(): void {
    super.onOver();
    if (this.request.record.longRunning) this.#message.socket.off('end', this.#onClientEnd);
  }

  /**
   * Starts the timeout, which runs until the client has its answer. Otherwise a client that does not read would count as a request in
   * flight forever.
   */
  #startTimer(): void {
    this.#timer = setTimeout(() => this.#onTimeout(), this.context.requestTimeout);
  }

  #onTimeout(): void {
    const seconds = this.context.requestTimeout / 1000;
    const hasHead = this.response.headersSent;
    this.writer.error(
      new StatusError(504, `the API server did not answer within --request-timeout (${seconds}s)`),
    );
    this.writer.trip?.abort();
    if (!hasHead) this.#startTimer();
    else this.#drop();
  }

  /** A watch gets its last chunk, and comes back. To a client of a log that would mean that the log is complete, so it gets none. */
  revoke({ endedBy, error }: StreamEnd): void {
    this.#end(endedBy, error, () => undefined);
  }

  expire(error: StatusError): void {
    this.#end('access', error, ({ format }) => framedErrorEvent(error.toStatus(), format));
  }

  /** @param last What a watch gets before its last chunk. */
  #end(endedBy: Revocation, error: StatusError, last: (frames: AnswerFrames) => Buffer | undefined): void {
    if (this.writer.state === 'over') return;
    const { record } = this.request;
    record.endWith(endedBy);
    const timer = setTimeout(() => this.#drop(), longestEnd);
    record.onEnd(() => clearTimeout(timer));
    const { frames } = this.writer;
    const finish = (whole: AnswerFrames | undefined) => {
      if (whole !== undefined && record.info.verb === 'watch') this.writer.endEarly(error, last(whole));
      else this.writer.cut(error);
      // The round trip may be passing bytes on at this moment.
      setImmediate(() => this.writer.trip?.abort());
    };
    if (frames === undefined) finish(undefined);
    else frames.whenBetween(() => finish(frames));
  }

  /** Ends the answer as the API server ends a watch: with its last chunk. */
  endEarly(): void {
    this.request.record.endedBy ??= 'shutdown';
    this.writer.endEarly(new StatusError(503, 'kube-api-proxy is shutting down'));
    this.writer.trip?.abort();
  }

  destroy(): void {
    this.request.record.endedBy ??= 'shutdown';
    this.#drop();
  }

  #drop(): void {
    const { http2 } = this.request;
    if (http2 === undefined) this.#message.socket.destroy();
    else http2.drop();
  }
}
