/** A token bucket's measures: tokens in a second, and how many it holds; a rate of 0 is no limit. */
export interface BucketSize {
  readonly rate: number;
  readonly burst: number;
}

/** How many refusals there were within the second. */
export class RefusalCount {
  #since = 0;
  #count = 0;

  /** Counts one more, and gives the count. */
  add(now: number): number {
    if (now - this.#since >= 1000) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count;
  }
}

/** What one user has taken: requests that are being served, by kind, and tokens of the bucket. */
export class UserShare {
  readonly taken = { inflight: 0, longrunning: 0 };
  readonly refusals = new RefusalCount();
  readonly #size: BucketSize;
  #tokens: number;
  #filledAt: number;

  constructor(size: BucketSize, now: number) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#filledAt = now;
  }

  /** Whether another request may come now (milliseconds of a clock that never goes back). */
  hasToken(now: number): boolean {
    this.#fill(now);
    return this.#size.rate === 0 || this.#tokens >= 1;
  }

  takeToken(): void {
    this.#tokens -= 1;
  }

  get isIdle(): boolean {
    return this.taken.inflight === 0 && this.taken.longrunning === 0;
  }

  /** Whether a new share would be just like this one. */
  isAsNew(now: number): boolean {
    if (!this.isIdle) return false;
    this.#fill(now);
    return this.#size.rate === 0 || this.#tokens >= this.#size.burst;
  }

  #fill(now: number): void {
    const { rate, burst } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
  }
}

/** Idle users that are remembered at most: about a megabyte. */
const maxIdle = 5_000;
const minSweep = 1_000;

/**
 * The shares of users. Who is gone is forgotten when others come, so that there is no timer; of those whose bucket is not full yet a
 * bounded number is remembered, the latest ones.
 */
export class UserShares {
  readonly #size: BucketSize;
  readonly #shares = new Map<string, UserShare>();
  #sweepAt = minSweep;

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** How many users anything is known of. */
  get count(): number {
    return this.#shares.size;
  }

  of(user: string, now: number): UserShare {
    let share = this.#shares.get(user);
    if (share === undefined) {
      if (this.#shares.size >= this.#sweepAt) this.#sweepAndPlan(now);
      share = new UserShare(this.#size, now);
      this.#shares.set(user, share);
    }
    return share;
  }

  /** Forgets everyone of whom there is nothing to know. */
  forgetGone(now: number): void {
    for (const [user, share] of this.#shares) if (share.isAsNew(now)) this.#shares.delete(user);
  }

  /** Each sweep pays for itself: the next one comes when as many users again have come. */
  #sweepAndPlan(now: number): void {
    this.forgetGone(now);
    let idle = 0;
    for (const share of this.#shares.values()) if (share.isIdle) idle += 1;
    for (const [user, share] of this.#shares) {
      if (idle <= maxIdle) break;
      if (!share.isIdle) continue;
      this.#shares.delete(user);
      idle -= 1;
    }
    this.#sweepAt = Math.max(minSweep, this.#shares.size * 2);
  }
}
