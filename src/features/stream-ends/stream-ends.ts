import type { Clock } from '../../lib/clock.js';
import type { OpenStream, StreamFollower } from '../../proxy/open-streams.js';
import type { Recheck } from '../../proxy/route.js';
import type { Reviews } from '../../reviews/reviews.js';
import { Followed } from './followed.js';
import type { RecheckMetrics } from './metrics.js';
import { Rechecks } from './rechecks.js';

/** What ends streams, and when. Times are in milliseconds. */
export interface StreamEndsParts extends RecheckMetrics {
  /** How long streams go on after their credential has expired; undefined for as long as they want. */
  readonly grace: number | undefined;
  /** How often is asked about each stream; undefined for never. */
  readonly interval: number | undefined;
  readonly clock: Clock;
  readonly reviews: Pick<Reviews, 'isStillAllowed'>;
}

/** Milliseconds between two looks at the open streams. One timer serves them all, and there is none without a stream. */
const tick = 1_000;

/** Ends the open streams of callers whose credential has expired, who are no longer known, or who may no longer do it. */
export class StreamEnds {
  readonly #parts: StreamEndsParts;
  /** The oldest first. */
  readonly #open = new Map<OpenStream, Followed>();
  #rechecks: Rechecks | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(parts: StreamEndsParts) {
    this.#parts = parts;
  }

  /** The open streams of callers, the oldest first. */
  get open(): ReadonlyMap<OpenStream, Followed> {
    return this.#open;
  }

  follow(isStillKnown: Recheck): StreamFollower {
    const { grace, interval } = this.#parts;
    if (interval !== undefined) {
      this.#rechecks = new Rechecks({ ...this.#parts, isStillKnown, looks: interval / tick });
    }
    return {
      endsAtExpiry: grace !== undefined,
      began: stream => this.#began(stream),
      ended: stream => this.#ended(stream),
    };
  }

  close(): void {
    this.#stopTimer?.();
  }

  #began(stream: OpenStream): void {
    const followed = new Followed(stream, this.#parts.clock);
    this.#open.set(stream, followed);
    this.#rechecks?.add(followed);
    if (this.#stopTimer === undefined) this.#startTimer();
  }

  #ended(stream: OpenStream): void {
    const followed = this.#open.get(stream);
    if (followed === undefined) return;
    followed.isOver = true;
    this.#open.delete(stream);
    this.#rechecks?.delete(followed);
    if (this.#open.size > 0) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #startTimer(): void {
    this.#stopTimer = this.#parts.clock.schedule(tick, () => {
      this.#startTimer();
      this.#look();
    });
  }

  #look(): void {
    const { grace } = this.#parts;
    if (grace !== undefined)
      for (const followed of this.#open.values()) if (followed.hasExpiredFor(grace)) followed.end('expiry');
    this.#rechecks?.look(this.#open.values());
  }
}
