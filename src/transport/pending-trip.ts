import type { Lease } from './lease.js';
import type { PooledTrip } from './retry-stale.js';
import type { OutgoingRequest, ResponseSink } from './round-trip.js';

/** The round trip of a request that waits for its connection. */
export class PendingTrip implements PooledTrip {
  #lease: Lease | undefined;
  #isAborted = false;

  constructor(lease: Promise<Lease>, request: OutgoingRequest, sink: ResponseSink) {
    lease.then(
      late => {
        this.#lease = late;
        if (this.#isAborted) late.abort();
        else late.send(request, sink);
      },
      error => {
        if (!this.#isAborted) sink.error(error);
      },
    );
  }

  get isStale(): boolean {
    return this.#lease?.isStale === true;
  }

  pause(): void {
    this.#lease?.pause();
  }

  resume(): void {
    this.#lease?.resume();
  }

  abort(): void {
    this.#isAborted = true;
    this.#lease?.abort();
  }
}
