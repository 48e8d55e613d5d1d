/** How many tokens are added per second, and how many a bucket holds at most. */
interface BucketSize {
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
    const { rate, burst } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
