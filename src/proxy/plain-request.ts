import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import { parseQuery } from '../kubernetes/query.js';
import { StatusError } from '../kubernetes/status.js';
import type { Revocation } from '../observability/metrics/request-metrics.js';
import type { OpenRequest } from '../request/context.js';
import type { Question } from '../reviews/reviews.js';
import type { ClientSink, ConnectionKind, RoundTrip } from '../transport/round-trip.js';
import { UpstreamCall } from '../transport/upstream-call.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import type { AnswerParts } from './answer-parts.js';
import { type ProxyContext, upstreamRequest } from './client-request.js';
import { ClientWriter, type WriterOwner } from './client-writer.js';
import { framedErrorEvent } from './error-event.js';
import { longestEnd, type OpenStream, type StreamEnd } from './open-streams.js';
import { RequestBody } from './request-body.js';
import type { Onward, Route, RoutedTrip } from './route.js';
import { streamQuestions } from './stream-questions.js';

/** One plain request, and its lifetime. The client, the request timeout or a shutdown may end it before its answer is complete. */
export class PlainRequest implements OpenStream, WriterOwner, Onward<ClientSink> {
  readonly upgradedTo = undefined;
  readonly #hasBody: boolean;
  /**
   * `shared` for a watch or a log, which the API server itself answers. Answers of programs behind the API server are passed on byte for
   * byte, over HTTP/1.1.
   */
  readonly #connection: ConnectionKind;
  readonly #context: ProxyContext;
  readonly #client: OpenRequest;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #writer: ClientWriter;
  /** Undefined if no route has taken the request. */
  #routed: RoutedTrip | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ProxyContext, client: OpenRequest) {
    this.#context = context;
    this.#client = client;
    this.#message = client.raw;
    this.#response = client.reply.raw;
    this.#hasBody = client.head.hasBody;
    const { verb, subresource } = client.record.info;
    const isShared =
      (verb === 'watch' || subresource === 'log') && client.head.method === 'GET' && !this.#hasBody;
    this.#connection = isShared ? 'shared' : 'any';
    this.#writer = new ClientWriter(client, context, this);
  }

  /** Sends the request to the API server. Every result and error goes to the reply. */
  start(): void {
    const { record, cluster } = this.#client;
    this.#context.openStreams.add(this);
    if (!record.longRunning && this.#context.requestTimeout > 0) this.#startTimer();
    record.onEnd(() => this.#onClientClose());
    if (this.#client.http2 === undefined && this.#isEndless()) this.#endWithClient();
    if (this.#writer.state === 'over') return;
    this.#send(cluster);
  }

  get request(): OpenRequest {
    return this.#client;
  }

  get questions(): readonly Question[] {
    return this.#routed?.questions ?? streamQuestions(this.#client);
  }

  get mayBeEnded(): boolean {
    return this.#routed?.mayExpire === true || this.#context.openStreams.mayEnd(this.#client);
  }

  get mayHaveTrailers(): boolean {
    return this.#connection === 'shared';
  }

  #send(cluster: Cluster): void {
    const request = this.#upstreamRequest();
    this.#routed = this.#offer(0, request, this.#writer);
    this.#writer.trip = this.#routed;
    if (this.#routed !== undefined) return;
    const call = new UpstreamCall(cluster, request, this.#writer, this.#client.record);
    this.#writer.trip = call;
    call.start();
  }

  /** Offers the request to the routes from this one on. */
  #offer(first: number, request: UpstreamRequest, sink: ClientSink): RoutedTrip | undefined {
    const { routes } = this.#context;
    for (let index = first; index < routes.length; index += 1) {
      const trip = (routes[index] as Route).take(this.#client, request, sink, this);
      if (trip !== undefined) return trip;
    }
    return undefined;
  }

  sendAfter(route: Route, request: UpstreamRequest, sink: ClientSink): RoundTrip {
    const { cluster, record } = this.#client;
    return (
      this.#offer(this.#context.routes.indexOf(route) + 1, request, sink) ??
      new UpstreamCall(cluster, request, sink, record).start()
    );
  }

  #upstreamRequest(): UpstreamRequest {
    const { method, contentLength } = this.#client.head;
    const body = this.#hasBody ? new RequestBody(this.#client, this.#context.patience) : undefined;
    const saysNoBody = body === undefined && contentLength !== undefined;
    return upstreamRequest(this.#context, this.#client, {
      headers: body?.framing ?? (saysNoBody ? ['Content-Length', '0'] : []),
      body,
      connection: this.#connection,
      isRepeatable: body === undefined && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS'),
    });
  }

  /** Whether the answer goes on without end, and may be silent for long. */
  #isEndless(): boolean {
    const { info } = this.#client.record;
    if (info.verb === 'watch') return true;
    return info.subresource === 'log' && parseQuery(this.#client.path.forServer.query).has('follow');
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
    if (this.#writer.state === 'over') return;
    this.#client.record.endedBy ??= 'client';
    this.#writer.close();
    this.#writer.trip?.abort();
  }

  onOpened(): void {
    this.#context.openStreams.opened(this);
  }

  onOver(): void {
    this.#context.openStreams.delete(this);
    if (this.#client.record.longRunning) this.#message.socket.off('end', this.#onClientEnd);
  }

  /**
   * Starts the timeout, which runs until the client has its answer. Otherwise a client that does not read would count as a request in
   * flight forever.
   */
  #startTimer(): void {
    this.#timer = setTimeout(() => this.#onTimeout(), this.#context.requestTimeout);
  }

  #onTimeout(): void {
    const seconds = this.#context.requestTimeout / 1000;
    const hasHead = this.#response.headersSent;
    this.#writer.error(
      new StatusError(504, `the API server did not answer within --request-timeout (${seconds}s)`),
    );
    this.#writer.trip?.abort();
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
  #end(endedBy: Revocation, error: StatusError, last: (parts: AnswerParts) => Buffer | undefined): void {
    if (this.#writer.state === 'over') return;
    const { record } = this.#client;
    record.endWith(endedBy);
    const timer = setTimeout(() => this.#drop(), longestEnd);
    record.onEnd(() => clearTimeout(timer));
    const { parts } = this.#writer;
    const finish = (whole: AnswerParts | undefined) => {
      if (whole !== undefined && record.info.verb === 'watch') this.#writer.endEarly(error, last(whole));
      else this.#writer.cut(error);
      // The round trip may be passing bytes on at this moment.
      setImmediate(() => this.#writer.trip?.abort());
    };
    if (parts === undefined) finish(undefined);
    else parts.whenBetween(() => finish(parts));
  }

  /** Ends the answer as the API server ends a watch: with its last chunk. */
  endEarly(): void {
    this.#client.record.endedBy ??= 'shutdown';
    this.#writer.endEarly(new StatusError(503, 'kube-api-proxy is shutting down'));
    this.#writer.trip?.abort();
  }

  destroy(): void {
    this.#client.record.endedBy ??= 'shutdown';
    this.#drop();
  }

  #drop(): void {
    const { http2 } = this.#client;
    if (http2 === undefined) this.#message.socket.destroy();
    else http2.drop();
  }
}
