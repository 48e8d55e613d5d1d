import { ownBytes } from '../../../src/transport/borrowed-bytes.js';
import type { PooledTrip } from '../../../src/transport/retry-stale.js';
import type {
  BodySink,
  OutgoingRequest,
  ResponseSink,
  RoundTripper,
} from '../../../src/transport/round-trip.js';

/** A round trip that the test controls. */
export class FakeTrip<Request> implements PooledTrip {
  readonly request: Request;
  readonly sink: ResponseSink;
  #body: BodySink | undefined;
  isStale = false;
  /** The calls of its methods, in order. */
  readonly calls: ('pause' | 'resume' | 'abort')[] = [];

  constructor(request: Request, sink: ResponseSink) {
    this.request = request;
    this.sink = sink;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  abort(): void {
    this.calls.push('abort');
  }

  /** The head of a response. */
  head(statusCode: number): void {
    this.#body = this.sink.head(statusCode, '', ['X-Status', String(statusCode)]);
  }

  /** A part of its body, and the end of a read. */
  body(text: string): void {
    this.#body?.data(ownBytes(Buffer.from(text)));
    this.#body?.idle();
  }
}

/** Sends nothing, and records the requests. */
export class FakeRoundTripper<Request = OutgoingRequest> implements RoundTripper<Request> {
  readonly trips: FakeTrip<Request>[] = [];

  send(request: Request, sink: ResponseSink): FakeTrip<Request> {
    const trip = new FakeTrip(request, sink);
    this.trips.push(trip);
    return trip;
  }

  /** The round trip with this number. */
  trip(index = 0): FakeTrip<Request> {
    const trip = this.trips[index];
    if (trip === undefined) throw new Error(`there is no round trip ${index}`);
    return trip;
  }
}
