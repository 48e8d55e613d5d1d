import type { StatusError } from '../kubernetes/status.js';
import type { OpenRequest, Operation } from '../request/context.js';
import type { Question } from '../reviews/reviews.js';
import type { ClientSink, ResponseSink, RoundTrip } from '../transport/round-trip.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';

/**
 * Whether the caller of an open request would be let in again: its credential is valid, it is that of the same user, and this user may
 * still act as the one that the request names. Throws, or rejects, if nobody can say it at this moment.
 */
export type Recheck = (request: OpenRequest) => boolean | Promise<boolean>;

/** A request that a route has taken. */
export interface RoutedTrip extends RoundTrip {
  /**
   * What the user of an open stream has to be allowed to do, if that is not what the request asks for. It is read when the answer begins,
   * and before if that takes long.
   */
  readonly questions?: readonly Question[] | undefined;
  /** Whether `expire` may end its answer, which is a watch: then the ends of its events are read. It is read when the answer begins. */
  readonly mayExpire?: boolean;
}

/** Lets a route send the request that it has taken. */
export interface Onward<Sink> {
  /**
   * Sends it as it would go without this route: to the next one that takes it, or to the API server. The sink may get an error during this
   * call.
   *
   * @param upstream The same as the route has got, but for its body.
   */
  sendAfter(route: Route, upstream: UpstreamRequest, sink: Sink): RoundTrip;
  /**
   * Ends a watch that has begun with an ERROR event in its own format, behind the event that is on its way: its client then lists again.
   * A watch in a format that has no such place, and one whose client does not read, is cut.
   */
  expire(error: StatusError): void;
}

/** Takes requests for the API server, and answers them in place of an upstream call. */
export interface Route {
  /**
   * Takes a plain request, or returns undefined and leaves it as it is. The sink gets the response after this call.
   *
   * @param upstream The request that an upstream call would send. The request's record observes that call.
   */
  take(
    request: OpenRequest,
    upstream: UpstreamRequest,
    sink: ClientSink,
    onward: Onward<ClientSink>,
  ): RoutedTrip | undefined;
  /** The same for a request with an upgrade. The sink gets the answer of a refused one, or a socket that has switched protocols. */
  takeUpgrade?(
    request: OpenRequest,
    upstream: UpstreamRequest,
    sink: ResponseSink,
    onward: Onward<ResponseSink>,
  ): RoutedTrip | undefined;
  /** What it may do with the answer to an operation, for whoever asks `/-/rules`; undefined if that is nothing. */
  noteOn?(operation: Operation): string | undefined;
}

/** The callers of open requests, as a route has to treat them. */
export interface OpenCallers {
  readonly isStillLetIn: Recheck;
  /**
   * When the credential of a request expires and the route has to end its answer, in milliseconds since 1970. Undefined if that is not
   * known, or if who follows the open streams ends it.
   */
  endOf(request: OpenRequest): number | undefined;
}

/**
 * Makes a route, once, when the server is built; undefined if it would take nothing.
 *
 * @param callers Undefined if callers are not authenticated.
 */
export type CreateRoute = (callers: OpenCallers | undefined) => Route | undefined;
