import type { BodySink, ResponseSink, RoundTrip } from './round-trip.js';

/**
 * What stands between a sink and the round trip that a wrapper sends for it: a sink to the inside, a round trip to the outside. One
 * object is both, for every request has one of each wrapper.
 */
export class ForwardingTrip<Inner extends RoundTrip = RoundTrip> implements ResponseSink, RoundTrip {
  protected readonly sink: ResponseSink;
  /** Undefined while nothing is under way. */
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
