import { type BucketSize, TokenBucket } from '../lib/token-bucket.js';

/** How many rejections there were in the last second. */
export class RejectionCount {
  #since = 0;
  #count = 0;

  /** Counts one more, and returns the count. */
  add(now: number): number {
    if (now - this.#since >= 1000) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count;
  }
}

/** What one user has taken: requests that are being served, by kind, and tokens of the user's bucket. */
export class UserShare {
  readonly taken = { inflight: 0, longrunning: 0 };
  readonly rejections = new RejectionCount();
  /** Undefined if there is no limit of a rate. */
  readonly #bucket: TokenBucket | undefined;

  constructor(bucket: TokenBucket | undefined) {
    this.#bucket = bucket;
  }

  /** Whether another request may come now (milliseconds of a clock that never goes back). */
  hasToken(now: number): boolean {
    return this.#bucket?.hasToken(now) !== false;
  }

  takeToken(now: number): void {
    this.#bucket?.take(now);
  }

  get isIdle(): boolean {
    return this.taken.inflight === 0 && this.taken.longrunning === 0;
  }

  /** Whether a new share would be equal to this one. */
  isAsNew(now: number): boolean {
    return this.isIdle && this.#bucket?.isFull(now) !== false;
  }
}

/** Idle users that are remembered at most: about one megabyte. */
const maxIdle = 5_000;
const minSweep = 1_000;

/**
 * The shares of users. Users that have gone are forgotten when others come, so no timer is needed. Of the users whose bucket is not full
 * yet, only a limited number of the latest ones are remembered.
 */
export class UserShares {
  readonly #size: BucketSize;
  readonly #shares = new Map<string, UserShare>();
  #sweepAt = minSweep;

  /** @param size Of each user's bucket; a rate of 0 is no limit. */
  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** How many users are remembered. */
  get count(): number {
    return this.#shares.size;
  }

  of(user: string, now: number): UserShare {
    let share = this.#shares.get(user);
    if (share === undefined) {
      if (this.#shares.size >= this.#sweepAt) this.#sweepAndPlan(now);
      share = new UserShare(this.#size.rate > 0 ? new TokenBucket(this.#size, now) : undefined);
      this.#shares.set(user, share);
    }
    return share;
  }

  /** Drops every user whose state is the same as that of a new user. */
  forgetGone(now: number): void {
    for (const [user, share] of this.#shares) if (share.isAsNew(now)) this.#shares.delete(user);
  }

  /** Forgets users, and plans the next time: when there are twice as many. So each new user costs little on average. */
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
