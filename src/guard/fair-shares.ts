import { setTimeout as delay } from 'node:timers/promises';
import type { SharesInUse } from '../observability/metrics/metrics.js';
import { Refusal, type RejectionReason } from './refusal.js';
import { RefusalCount, type UserShare, UserShares } from './user-shares.js';

/** How much may be asked for; 0 is no limit. The keys are those of `Options`. */
export interface FairSharesLimits {
  /** Requests that are being served, long-running ones not counted. */
  readonly maxRequestsInflight: number;
  /** Long-running requests and upgrades that are open. */
  readonly maxLongrunningRequests: number;
  readonly maxRequestsInflightPerUser: number;
  readonly maxLongrunningRequestsPerUser: number;
  /** Requests of one user in a second, of either kind. */
  readonly rateLimit: number;
  /** How many of them may come at once. */
  readonly rateLimitBurst: number;
  /** Processes that share the work, and so the limits: each has its part of every one, rounded up. */
  readonly workers: number;
}

/** The two kinds of requests, which are counted apart from each other. */
export type RequestKind = 'inflight' | 'longrunning';

/** A limit and how its refusals are counted and worded. */
interface Limit {
  readonly max: number;
  readonly rejection: RejectionReason;
  readonly message: string;
}

/** There is no place for a request. */
export interface NoPlace {
  readonly refusal: Refusal;
  /** Settles when the client may hear of it; undefined is at once. */
  readonly held: Promise<void> | undefined;
}

/** Seconds after which a refused client may try again; the API server says the same (`filters/maxinflight.go`). */
const retryAfterSeconds = 1;
/** Refusals that a user hears at once within a second: who gets more does not wait as told. */
const promptRefusals = 50;
/** Refusals that are held back at a time, each with its request in memory. */
const maxHeld = 2_000;
/** Milliseconds between two of them, which else would come all at once, and again after a second. */
const heldInterval = 2;

/**
 * Counts the requests that are being served, all of them and each user's, and refuses what is over a limit. Nothing waits in a
 * queue for a place, as in the API server's max-in-flight filter. But refusing takes time as well, which a client that asks again
 * and again would take from all others: it is made to wait for the refusal, for as long as it should have waited after it.
 */
export class FairShares {
  readonly #total: Readonly<Record<RequestKind, Limit>>;
  readonly #perUser: Readonly<Record<RequestKind, Limit>>;
  readonly #rate: Limit;
  readonly #now: () => number;
  readonly #wait: (milliseconds: number) => Promise<unknown>;
  readonly #taken: Record<RequestKind, number> = { inflight: 0, longrunning: 0 };
  /** Where no limit is a user's own, all are one user to whom refusals are counted. */
  readonly #everyone = new RefusalCount();
  #held = 0;
  /** When the last of them is over. */
  #heldUntil = 0;
  /** Undefined where no limit is a user's own. */
  readonly #users: UserShares | undefined;

  /**
   * @param now Milliseconds of a clock that never goes back.
   * @param wait Resolves after so many of them.
   */
  constructor(
    limits: FairSharesLimits,
    now: () => number = () => performance.now(),
    wait: (milliseconds: number) => Promise<unknown> = delay,
  ) {
    const workers = Math.max(1, limits.workers);
    const part = (limit: number) => Math.ceil(limit / workers);
    const named = (limit: number, own = part(limit), unit = '') =>
      workers === 1 ? `${limit}${unit}` : `${limit}${unit}, ${own} for each of ${workers} workers`;
    const rate = limits.rateLimit / workers;
    this.#total = {
      inflight: {
        max: part(limits.maxRequestsInflight),
        rejection: 'max_inflight',
        message: `as many requests are being served as --max-requests-inflight (${named(limits.maxRequestsInflight)}) allows`,
      },
      longrunning: {
        max: part(limits.maxLongrunningRequests),
        rejection: 'max_longrunning',
        message: `as many long-running requests are open as --max-longrunning-requests (${named(limits.maxLongrunningRequests)}) allows`,
      },
    };
    this.#perUser = {
      inflight: {
        max: part(limits.maxRequestsInflightPerUser),
        rejection: 'user_inflight',
        message: `as many requests of yours are being served as --max-requests-inflight-per-user (${named(limits.maxRequestsInflightPerUser)}) allows`,
      },
      longrunning: {
        max: part(limits.maxLongrunningRequestsPerUser),
        rejection: 'user_longrunning',
        message: `as many long-running requests of yours are open as --max-longrunning-requests-per-user (${named(limits.maxLongrunningRequestsPerUser)}) allows`,
      },
    };
    this.#rate = {
      max: rate,
      rejection: 'rate_limit',
      message: `you send more requests than --rate-limit (${named(limits.rateLimit, Math.round(rate * 100) / 100, ' a second')}) allows`,
    };
    this.#now = now;
    this.#wait = wait;
    if (this.#perUser.inflight.max > 0 || this.#perUser.longrunning.max > 0 || limits.rateLimit > 0) {
      this.#users = new UserShares({ rate, burst: part(limits.rateLimitBurst) });
    }
  }

  /** What is taken now, and of how many users anything has to be known. */
  get inUse(): SharesInUse {
    this.#users?.forgetGone(this.#now());
    return { ...this.#taken, users: this.#users?.count ?? 0 };
  }

  /** A place for one more request of this user, to be given back when the request is over, unless a limit is reached. */
  take(user: string, kind: RequestKind): Place | NoPlace {
    const now = this.#now();
    const share = this.#users?.of(user, now);
    const reached = this.#reachedLimit(share, kind, now);
    if (reached !== undefined) {
      const refusals = share?.refusals ?? this.#everyone;
      const isPrompt = refusals.add(now) <= promptRefusals || this.#held >= maxHeld;
      return { refusal: refusalOf(reached), held: isPrompt ? undefined : this.#hold(now) };
    }
    share?.takeToken();
    return new Place(kind, this.#taken, share);
  }

  async #hold(now: number): Promise<void> {
    this.#held += 1;
    this.#heldUntil = Math.max(now + retryAfterSeconds * 1000, this.#heldUntil + heldInterval);
    await this.#wait(this.#heldUntil - now);
    this.#held -= 1;
  }

  /** A user's own limits come first: who is over them shall hear of them, whatever the others do. */
  #reachedLimit(share: UserShare | undefined, kind: RequestKind, now: number): Limit | undefined {
    if (share !== undefined) {
      if (isReached(this.#perUser[kind], share.taken[kind])) return this.#perUser[kind];
      if (!share.hasToken(now)) return this.#rate;
    }
    return isReached(this.#total[kind], this.#taken[kind]) ? this.#total[kind] : undefined;
  }
}

/** What one request has taken of everybody's places and of its user's. */
export class Place {
  readonly #kind: RequestKind;
  readonly #total: Record<RequestKind, number>;
  readonly #share: UserShare | undefined;
  #isTaken = true;

  constructor(kind: RequestKind, total: Record<RequestKind, number>, share: UserShare | undefined) {
    this.#kind = kind;
    this.#total = total;
    this.#share = share;
    total[kind] += 1;
    if (share !== undefined) share.taken[kind] += 1;
  }

  /** Later calls do nothing. */
  giveBack(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#total[this.#kind] -= 1;
    if (this.#share !== undefined) this.#share.taken[this.#kind] -= 1;
  }
}

function isReached({ max }: Limit, taken: number): boolean {
  return max > 0 && taken >= max;
}

function refusalOf({ rejection, message }: Limit): Refusal {
  return new Refusal(429, rejection, `${message}; try again in ${retryAfterSeconds} s`, {
    retryAfterSeconds,
  });
}
