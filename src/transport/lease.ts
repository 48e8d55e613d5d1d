import type { PooledTrip } from './retry-stale.js';
import type { OutgoingRequest, ResponseSink } from './round-trip.js';

/**
 * What a pool provides for one request: an HTTP/1.1 connection, or a stream of an HTTP/2 connection. It is also the request's round trip.
 * When the round trip is over, it returns to the pool by itself and may serve another request; `retryStale` drops it by then.
 */
export interface Lease extends PooledTrip {
  /** Sends a request that has passed `refuseIllegal`. The sink gets the response or the error, always after this call. */
  send(request: OutgoingRequest, sink: ResponseSink): void;
}
