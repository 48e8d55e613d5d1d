import { ForwardingTrip } from './forwarding-trip.js';
import type { BodySink, OutgoingRequest, ResponseSink, RoundTrip, RoundTripper } from './round-trip.js';

/** A round trip over a connection from a pool. */
export interface PooledTrip extends RoundTrip {
  /** Whether it failed before the API server could see the request: the connection was reused, and had ended unnoticed. */
  readonly isStale: boolean;
}

/** Chooses a connection for each request and sends it. */
export interface Pool {
  send(request: OutgoingRequest, sink: ResponseSink): PooledTrip;
}

/**
 * Sends a request. If its connection has gone stale and the request is repeatable, it is sent once more, on a new connection. net/http's
 * Transport does so too.
 */
export function retryStale(pool: Pool): RoundTripper {
  return { send: (request, sink) => new RetriedTrip(pool, request, sink) };
}

class RetriedTrip extends ForwardingTrip<PooledTrip> {
  readonly #pool: Pool;
  /** The request to send again; undefined once it must not be repeated. */
  #request: OutgoingRequest | undefined;

  constructor(pool: Pool, request: OutgoingRequest, sink: ResponseSink) {
    super(sink);
    this.#pool = pool;
    this.#request = request.isRepeatable ? request : undefined;
    this.inner = pool.send(request, this);
  }

  override head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#request = undefined;
    return super.head(statusCode, statusMessage, headers);
  }

  override error(error: Error): void {
    const request = this.#request;
    this.#request = undefined;
    if (request === undefined || this.inner?.isStale !== true) super.error(error);
    else this.inner = this.#pool.send({ ...request, connection: 'new' }, this);
  }
}
