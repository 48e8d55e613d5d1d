import type { BodySink, ResponseSink, RoundTrip } from './round-trip.js';

/**
 * Base class for the round trip of a wrapper. For the caller it is the round trip; for the inner round trip, which the wrapper starts, it
 * is the sink. One object is both, because each wrapper needs one for every request.
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
