import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import type { ReviewStatus } from './answer.js';

interface Kept {
  readonly status: ReviewStatus;
  readonly since: Moment;
  /** Milliseconds. */
  readonly lifetime: number;
  readonly bytes: number;
}

/** The most bytes that the verdicts of a webhook take, about. */
const mostBytes = 16 * 1024 * 1024;
/** What an entry takes besides its texts, about. */
const overhead = 300;

/** The verdicts of a webhook. Those that were used longest ago make room for new ones. */
export class VerdictCache {
  readonly #clock: Clock;
  /** Those that were used longest ago come first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined if there is none that is still valid. */
  get(key: string): ReviewStatus | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (kept.since.age >= kept.lifetime) {
      this.#delete(key, kept);
      return undefined;
    }
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.status;
  }

  /** @param lifetime Milliseconds. */
  set(key: string, status: ReviewStatus, lifetime: number): void {
    if (lifetime <= 0) return;
    const before = this.#kept.get(key);
    if (before !== undefined) this.#delete(key, before);
    // Two bytes for each of JavaScript's characters.
    const bytes = overhead + 2 * (key.length + status.reason.length);
    this.#kept.set(key, { status, since: new Moment(this.#clock), lifetime, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= mostBytes) return;
      this.#delete(oldest, kept);
    }
  }

  #delete(key: string, { bytes }: Kept): void {
    this.#kept.delete(key);
    this.#bytes -= bytes;
  }
}
