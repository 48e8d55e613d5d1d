import type { ServerResponse } from 'node:http';
import type { StatusError } from '../kubernetes/status.js';
import type { OpenRequest } from '../request/context.js';
import type { Question } from '../reviews/reviews.js';
import type { ResponseSink } from '../transport/round-trip.js';
import { UpstreamCall } from '../transport/upstream-call.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import type { ProxyContext } from './client-request.js';
import { ClientWriter, type WriterOwner } from './client-writer.js';
import type { OpenStream, StreamEnd } from './open-streams.js';
import type { Onward, Route, RoutedTrip } from './route.js';
import { streamQuestions } from './stream-questions.js';

/** One request of a client and its answer, plain or with an upgrade: the way on, and what others may do with it while it is open. */
export abstract class Exchange<Sink extends ResponseSink> implements OpenStream, WriterOwner, Onward<Sink> {
  readonly request: OpenRequest;
  protected readonly context: ProxyContext;
  protected readonly response: ServerResponse;
  protected readonly writer: ClientWriter;

  constructor(context: ProxyContext, request: OpenRequest) {
    this.context = context;
    this.request = request;
    this.response = request.reply.raw;
    this.writer = new ClientWriter(request, context, this);
  }

  abstract get mayBeEnded(): boolean;
  abstract revoke(end: StreamEnd): void;
  abstract expire(error: StatusError): void;
  abstract endEarly(): void;
  abstract destroy(): void;
  /** Asks a route whether it takes the request. */
  protected abstract offer(route: Route, upstream: UpstreamRequest, sink: Sink): RoutedTrip | undefined;

  get questions(): readonly Question[] {
    return this.writer.trip?.questions ?? streamQuestions(this.request);
  }

  /** Sends the request to the first route that takes it, or else to the API server. The sink may get an error during this call. */
  protected send(upstream: UpstreamRequest, sink: Sink): void {
    this.writer.trip = this.#sendOver(this.context.routes, upstream, sink);
  }

  sendAfter(route: Route, upstream: UpstreamRequest, sink: Sink): RoutedTrip {
    const { routes } = this.context;
    return this.#sendOver(routes.slice(routes.indexOf(route) + 1), upstream, sink);
  }

  #sendOver(routes: readonly Route[], upstream: UpstreamRequest, sink: Sink): RoutedTrip {
    for (const route of routes) {
      const trip = this.offer(route, upstream, sink);
      if (trip !== undefined) return trip;
    }
    return new UpstreamCall(this.request.cluster, upstream, sink, this.request.record).start();
  }

  onOver(): void {
    this.context.openStreams.delete(this);
  }
}
