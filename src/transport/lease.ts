import type { PooledTrip } from './retry-stale.js';
import type { OutgoingRequest, ResponseSink } from './round-trip.js';

/**
 * What a pool gives out for one request: an HTTP/1.1 connection, or a stream of an HTTP/2 connection. It is the request's round trip at
 * the same time, and returns to the pool by itself when that is over; then it is another request's, and `retryStale` lets go of it.
 */
export interface Lease extends PooledTrip {
  /** Sends a request that `refuseIllegal` has let pass. What comes of it, its failure included, goes to the sink, and later. */
  send(request: OutgoingRequest, sink: ResponseSink): void;
}
