import type { BodySink, ResponseSink, RoundTrip } from './round-trip.js';

/**
 * Base of a wrapper's trip: it stands between a sink and the inner round trip that the wrapper sends. It is the sink of the inner round
 * trip, and a round trip for the outer caller. One object is both, because every request has one of each wrapper.
 */
export class ForwardingTrip<Inner extends RoundTrip = RoundTrip> implements ResponseSink, RoundTrip {
  protected readonly sink: ResponseSink;
  /** The inner round trip; undefined while there is none. */
  protected inner: Inner | undefined;

  constructor(sink: ResponseSink) {
    this.sink = sink;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    return this.sink.head(statusCode, statusMessage, headers);
  }

  end(trailers: string[]): void {
    this.inner = undefined;
    this.sink.end(trailers);
  }

  error(error: Error): void {
    this.inner = undefined;
    this.sink.error(error);
  }

  pause(): void {
    this.inner?.pause();
  }

  resume(): void {
    this.inner?.resume();
  }

  abort(): void {
    const { inner } = this;
    this.inner = undefined;
    inner?.abort();
  }
}
