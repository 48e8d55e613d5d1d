import type { Clock } from '../../lib/clock.js';
import { type OpenStream, type StreamFollower, staysOpen } from '../../proxy/open-streams.js';
import type { Recheck } from '../../proxy/route.js';
import type { StillAsked } from '../common/still-allowed.js';
import { Followed } from './followed.js';
import type { RecheckMetrics } from './metrics.js';
import { Rechecks } from './rechecks.js';
import type { UnaskableClusters } from './unaskable-clusters.js';

/** What ends streams, and when. Times are in milliseconds. */
export interface StreamEndsParts extends RecheckMetrics {
  /** How long streams go on after their credential has expired; undefined for as long as they want. */
  readonly grace: number | undefined;
  /** How often is asked about each stream; undefined for never. */
  readonly interval: number | undefined;
  /** Whether an operator may end them. */
  readonly byOperator: boolean;
  readonly clock: Clock;
  readonly reviews: StillAsked;
  readonly unaskable: Pick<UnaskableClusters, 'add' | 'delete'>;
}

/** Milliseconds between two looks at the open streams. One timer serves them all, and there is none without a stream. */
const tick = 1_000;

/** Knows the open requests. Ends those of callers whose credential has expired, who are no longer known, or who may no longer do it. */
export class StreamEnds {
  readonly #parts: StreamEndsParts;
  /** The oldest first. */
  readonly #open = new Map<OpenStream, Followed>();
  /**
   * Those about which nobody is asked yet, the oldest first. The API server may let a stream begin later than an answer now, which may come
   * from before a right that lets it. So it is asked about once it has begun, or after an interval: a request whose head or body comes slowly
   * is a stream too.
   */
  readonly #young = new Set<Followed>();
  #rechecks: Rechecks | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(parts: StreamEndsParts) {
    this.#parts = parts;
  }

  /** The open requests, the oldest first. */
  get open(): ReadonlyMap<OpenStream, Followed> {
    return this.#open;
  }

  follow(isStillKnown: Recheck | undefined): StreamFollower {
    const { grace, interval, byOperator } = this.#parts;
    if (interval !== undefined && isStillKnown !== undefined) {
      this.#rechecks = new Rechecks({ ...this.#parts, isStillKnown, looks: interval / tick });
    }
    return {
      endsAtExpiry: grace !== undefined,
      mayEnd: ({ caller }) => byOperator || (this.#looks && caller !== undefined),
      began: stream => this.#began(stream),
      opened: stream => this.#opened(stream),
      ended: stream => this.#ended(stream),
    };
  }

  close(): void {
    this.#stopTimer?.();
  }

  #began(stream: OpenStream): void {
    const followed = new Followed(stream, this.#parts.clock);
    this.#open.set(stream, followed);
    this.#young.add(followed);
    if (this.#looks && this.#stopTimer === undefined) this.#startTimer();
  }

  /** Whether streams are ended by time. */
  get #looks(): boolean {
    const { grace, interval } = this.#parts;
    return grace !== undefined || interval !== undefined;
  }

  #opened(stream: OpenStream): void {
    const followed = this.#open.get(stream);
    if (followed !== undefined) this.#grown(followed);
  }

  /** Whether it is more than a request that is answered soon. */
  #isStream(followed: Followed): boolean {
    return staysOpen(followed.stream) || !this.#young.has(followed);
  }

  /** It is asked about from now on. */
  #grown(followed: Followed): void {
    this.#young.delete(followed);
    if (followed.stream.request.caller !== undefined) this.#rechecks?.add(followed);
  }

  #ended(stream: OpenStream): void {
    const followed = this.#open.get(stream);
    if (followed === undefined) return;
    followed.isOver = true;
    this.#open.delete(stream);
    this.#young.delete(followed);
    this.#rechecks?.delete(followed);
  }

  /** It stops at the first look without a request: short ones may come all the time. */
  #startTimer(): void {
    this.#stopTimer = this.#parts.clock.schedule(tick, () => {
      this.#stopTimer = undefined;
      if (this.#open.size === 0) return;
      this.#startTimer();
      this.#look();
    });
  }

  #look(): void {
    const { grace, interval = Number.POSITIVE_INFINITY } = this.#parts;
    for (const followed of this.#young) {
      if (followed.age < interval) break;
      this.#grown(followed);
    }
    if (grace !== undefined)
      for (const followed of this.#open.values())
        if (this.#isStream(followed) && followed.hasExpiredFor(grace)) followed.end('expiry');
    this.#rechecks?.look(this.#open.values());
  }
}
