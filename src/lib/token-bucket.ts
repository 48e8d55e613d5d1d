/** How many tokens are added per second, and how many a bucket holds at most. */
export interface BucketSize {
  readonly rate: number;
  readonly burst: number;
}

/** A token bucket. It starts full, and is refilled at its rate. Times are milliseconds of a clock that never goes back. */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #filledAt: number;

  constructor(size: BucketSize, now = performance.now()) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#filledAt = now;
  }

  /** Takes a token; false if there is none. */
  take(now = performance.now()): boolean {
    if (!this.hasToken(now)) return false;
    this.#tokens -= 1;
    return true;
  }

  hasToken(now: number): boolean {
    return this.#fill(now) >= 1;
  }

  /** Whether it holds as many tokens as a new bucket. */
  isFull(now: number): boolean {
    return this.#fill(now) >= this.#size.burst;
  }

  #fill(now: number): number {
    const { rate, burst } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
    return this.#tokens;
  }
}
