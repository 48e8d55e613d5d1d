import { setTimeout as delay } from 'node:timers/promises';
import type { SharesInUse } from '../observability/metrics/metrics.js';
import { Rejection } from './rejection.js';
import { RejectionCount, type UserShare, UserShares } from './user-shares.js';

/** Why there is no slot for a request: values of `reason` in kube_api_proxy_rejected_requests_total. */
export const slotReasons = [
  'max_inflight',
  'max_longrunning',
  'user_inflight',
  'user_longrunning',
  'rate_limit',
] as const;

/** How many requests there may be; 0 is no limit. The keys are those of the options. */
export interface SlotLimits {
  /** Requests that are served at a time, without long-running ones. */
  readonly maxRequestsInflight: number;
  /** Long-running requests and upgrades at a time. */
  readonly maxLongrunningRequests: number;
  readonly maxRequestsInflightPerUser: number;
  readonly maxLongrunningRequestsPerUser: number;
  /** Requests of one user in a second, of both kinds. */
  readonly rateLimit: number;
  /** How many of them may come at once. */
  readonly rateLimitBurst: number;
}

/** The two kinds of requests, which are counted separately. */
export type RequestKind = 'inflight' | 'longrunning';

type Taken = Record<RequestKind, number>;

/** A limit: how its rejections are counted, and what they say. */
interface Limit {
  readonly max: number;
  readonly reason: (typeof slotReasons)[number];
  readonly message: string;
}

/** There is no slot for a request. */
export interface NoSlot {
  readonly rejection: Rejection;
  /** Settles when the client may get the answer; undefined means at once. */
  readonly delay: Promise<void> | undefined;
}

/**
 * With several clusters, each may have this many times the slots that are free. A cluster that hangs gets three quarters of all, the next
 * one three quarters of the rest, and there is always room for others (dynamic thresholds, as network switches share buffers).
 */
const shareOfFree = 3;
/** Seconds after which a rejected client may try again; the API server says the same (`filters/maxinflight.go`). */
const retryAfterSeconds = 1;
/** Rejections that a user gets without a delay in one second. A user with more of them ignores Retry-After. */
const promptRejections = 50;
/** Rejections that are delayed at a time; each keeps its request in memory. */
const maxDelayed = 2_000;
/** Milliseconds between two delayed rejections. Otherwise all would be sent at once, and all clients would try again at once. */
const delayInterval = 2;

/**
 * Counts the requests that are being served, in total and for each user, and rejects a request that is over a limit. No request waits in a
 * queue for a slot, as in the API server's max-in-flight filter. But each rejection takes CPU time too. So a client that repeats a rejected
 * request again and again gets its rejections late, after the time that it should have waited.
 */
export class RequestSlots {
  readonly #total: Readonly<Record<RequestKind, Limit>>;
  readonly #perUser: Readonly<Record<RequestKind, Limit>>;
  readonly #rate: Limit;
  readonly #now: () => number;
  readonly #wait: (milliseconds: number) => Promise<unknown>;
  readonly #taken: Taken = { inflight: 0, longrunning: 0 };
  /** What the requests for each cluster have taken, if there are several clusters. */
  readonly #takenBy = new WeakMap<object, Taken>();
  /** If no limit is for each user, rejections are counted for all users together. */
  readonly #everyone = new RejectionCount();
  #delayed = 0;
  /** When the last of the delayed rejections is sent. */
  #delayedUntil = 0;
  /** Undefined if no limit is for each user. */
  readonly #users: UserShares | undefined;

  /**
   * @param now Milliseconds of a clock that never goes back.
   * @param wait Resolves after this number of milliseconds.
   */
  constructor(
    limits: SlotLimits,
    now: () => number = () => performance.now(),
    wait: (milliseconds: number) => Promise<unknown> = delay,
  ) {
    this.#total = {
      inflight: {
        max: limits.maxRequestsInflight,
        reason: 'max_inflight',
        message: `as many requests are being served as --max-requests-inflight (${limits.maxRequestsInflight}) allows`,
      },
      longrunning: {
        max: limits.maxLongrunningRequests,
        reason: 'max_longrunning',
        message: `as many long-running requests are open as --max-longrunning-requests (${limits.maxLongrunningRequests}) allows`,
      },
    };
    this.#perUser = {
      inflight: {
        max: limits.maxRequestsInflightPerUser,
        reason: 'user_inflight',
        message: `as many requests of yours are being served as --max-requests-inflight-per-user (${limits.maxRequestsInflightPerUser}) allows`,
      },
      longrunning: {
        max: limits.maxLongrunningRequestsPerUser,
        reason: 'user_longrunning',
        message: `as many long-running requests of yours are open as --max-longrunning-requests-per-user (${limits.maxLongrunningRequestsPerUser}) allows`,
      },
    };
    this.#rate = {
      max: limits.rateLimit,
      reason: 'rate_limit',
      message: `you send more requests than --rate-limit (${limits.rateLimit} a second) allows`,
    };
    this.#now = now;
    this.#wait = wait;
    if (this.#perUser.inflight.max > 0 || this.#perUser.longrunning.max > 0 || limits.rateLimit > 0) {
      this.#users = new UserShares({ rate: limits.rateLimit, burst: limits.rateLimitBurst });
    }
  }

  /** What is taken now, and how many users are remembered. */
  get inUse(): SharesInUse {
    this.#users?.forgetGone(this.#now());
    return { ...this.#taken, users: this.#users?.count ?? 0 };
  }

  /**
   * A slot for one more request of this user, to be released when the request is over, unless a limit is reached.
   *
   * @param cluster Where it goes, if there are several.
   */
  take(user: string, kind: RequestKind, cluster?: object): Slot | NoSlot {
    const now = this.#now();
    const share = this.#users?.of(user, now);
    const takenByCluster = cluster && this.#takenByCluster(cluster);
    const reached = this.#reachedLimit(share, kind, now) ?? this.#reachedByCluster(takenByCluster, kind);
    if (reached !== undefined) {
      const rejections = share?.rejections ?? this.#everyone;
      const isPrompt = rejections.add(now) <= promptRejections || this.#delayed >= maxDelayed;
      return { rejection: rejectionOf(reached), delay: isPrompt ? undefined : this.#delay(now) };
    }
    share?.takeToken(now);
    return new Slot(kind, [this.#taken, share?.taken, takenByCluster]);
  }

  #takenByCluster(cluster: object): Taken {
    const taken = this.#takenBy.get(cluster) ?? { inflight: 0, longrunning: 0 };
    this.#takenBy.set(cluster, taken);
    return taken;
  }

  #reachedByCluster(taken: Taken | undefined, kind: RequestKind): Limit | undefined {
    const limit = this.#total[kind];
    if (taken === undefined || limit.max === 0) return undefined;
    const free = limit.max - this.#taken[kind];
    return taken[kind] < shareOfFree * free
      ? undefined
      : { ...limit, message: `${limit.message} one cluster of several` };
  }

  async #delay(now: number): Promise<void> {
    this.#delayed += 1;
    this.#delayedUntil = Math.max(now + retryAfterSeconds * 1000, this.#delayedUntil + delayInterval);
    await this.#wait(this.#delayedUntil - now);
    this.#delayed -= 1;
  }

  /** A user's own limits come first: a user over them is told so, whatever the others do. */
  #reachedLimit(share: UserShare | undefined, kind: RequestKind, now: number): Limit | undefined {
    if (share !== undefined) {
      if (isReached(this.#perUser[kind], share.taken[kind])) return this.#perUser[kind];
      if (!share.hasToken(now)) return this.#rate;
    }
    return isReached(this.#total[kind], this.#taken[kind]) ? this.#total[kind] : undefined;
  }
}

/** What one request has taken: of everybody's slots, its user's and its cluster's. */
export class Slot {
  readonly #kind: RequestKind;
  readonly #counts: readonly (Taken | undefined)[];
  #isTaken = true;

  constructor(kind: RequestKind, counts: readonly (Taken | undefined)[]) {
    this.#kind = kind;
    this.#counts = counts;
    for (const taken of counts) if (taken !== undefined) taken[kind] += 1;
  }

  /** Later calls have no effect. */
  release(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    for (const taken of this.#counts) if (taken !== undefined) taken[this.#kind] -= 1;
  }
}

function isReached({ max }: Limit, taken: number): boolean {
  return max > 0 && taken >= max;
}

function rejectionOf({ reason, message }: Limit): Rejection {
  return new Rejection(429, reason, `${message}; try again in ${retryAfterSeconds} s`, {
    retryAfterSeconds,
  });
}
