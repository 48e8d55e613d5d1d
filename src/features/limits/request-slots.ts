import { Rejection } from '../../guard/rejection.js';
import { FairSlots } from '../../lib/fair-slots.js';

/** The two kinds of requests, which are counted separately. Long-running requests are watches, followed logs and upgrades. */
export type RequestKind = 'inflight' | 'longrunning';

/** The values of the limits; 0 is no limit. */
export interface LimitOptions {
  readonly maxRequestsInflight: number;
  readonly maxLongrunningRequests: number;
  readonly maxRequestsInflightPerUser: number;
  readonly maxLongrunningRequestsPerUser: number;
  /** Whether there may be several clusters. */
  readonly servesClusters: boolean;
}

/** The requests that count towards a limit now, and the number of users who sent those that count towards a per-user limit. */
export interface SlotsInUse {
  readonly inflight: number;
  readonly longrunning: number;
  readonly users: number;
}

/**
 * With several clusters, each may have this many times the slots that are free. A cluster that hangs gets three quarters of all, and the
 * next one three quarters of the rest.
 */
const shareOfFree = 3;
/** Seconds after which a rejected client may try again; the API server says the same (`filters/maxinflight.go`). */
const retryAfterSeconds = 1;

/** The flag for each kind of requests, and how its rejections begin. */
const texts = {
  inflight: {
    flag: '--max-requests-inflight',
    all: 'as many requests are being served as',
    user: 'as many requests of yours are being served as',
  },
  longrunning: {
    flag: '--max-longrunning-requests',
    all: 'as many long-running requests are open as',
    user: 'as many long-running requests of yours are open as',
  },
} as const;

/**
 * Counts the requests that are being served, and rejects a request that is over a limit. No request waits for a slot, as in the API server's
 * max-in-flight filter.
 */
export class RequestSlots {
  readonly inflight: SlotsOfKind;
  readonly longrunning: SlotsOfKind;

  constructor(values: LimitOptions) {
    const { maxRequestsInflight, maxRequestsInflightPerUser } = values;
    const { maxLongrunningRequests, maxLongrunningRequestsPerUser, servesClusters } = values;
    const slots = (most: number) => (servesClusters ? sharedSlots(most) : new Slots(most));
    this.inflight = new SlotsOfKind('inflight', slots(maxRequestsInflight), maxRequestsInflightPerUser);
    this.longrunning = new SlotsOfKind(
      'longrunning',
      slots(maxLongrunningRequests),
      maxLongrunningRequestsPerUser,
    );
  }

  get inUse(): SlotsInUse {
    const { inflight, longrunning } = this;
    const users = new Set([inflight, longrunning].flatMap(({ ofUsers }) => [...(ofUsers?.parties ?? [])]))
      .size;
    return { inflight: inflight.all.taken, longrunning: longrunning.all.taken, users };
  }
}

/** A number of slots, which requests to the same cluster take; 0 is no limit. */
class Slots {
  taken = 0;
  readonly number: number;

  constructor(most: number) {
    this.number = most === 0 ? Infinity : most;
  }

  get free(): number {
    return this.number - this.taken;
  }

  /** Takes a slot; false if none is free. */
  takeNow(): boolean {
    if (this.taken >= this.number) return false;
    this.taken += 1;
    return true;
  }

  giveBack(): void {
    this.taken -= 1;
  }
}

/** Slots that several clusters share; 0 is no limit. */
function sharedSlots(most: number): FairSlots<object | undefined> {
  return new FairSlots(most === 0 ? Infinity : most, (cluster, free) =>
    cluster === undefined ? Infinity : shareOfFree * free,
  );
}

/** The slots for one kind of requests. */
class SlotsOfKind {
  readonly #kind: RequestKind;
  readonly #mostPerUser: number;
  readonly all: Slots | FairSlots<object | undefined>;
  /** Undefined if users have no limit of their own. */
  readonly ofUsers: FairSlots<string> | undefined;

  /** @param mostPerUser 0 is no limit. */
  constructor(kind: RequestKind, all: Slots | FairSlots<object | undefined>, mostPerUser: number) {
    this.#kind = kind;
    this.#mostPerUser = mostPerUser;
    this.all = all;
    if (mostPerUser > 0) this.ofUsers = new FairSlots(Infinity, () => mostPerUser);
  }

  /**
   * Takes a slot of each limit that counts a request. Returns a function that gives them back; later calls of it have no effect. Throws a
   * Rejection if a limit is reached. A user's own limit comes first: a user over it is told so, whatever the others do.
   *
   * @param cluster Where the request goes. With several clusters, requests to none may have all free slots.
   */
  take(user: string, cluster?: object): () => void {
    if (this.ofUsers?.takeNow(user) === false) throw this.#userIsOver();
    if (!this.all.takeNow(cluster)) {
      this.ofUsers?.giveBack(user);
      throw this.#allAreOver();
    }
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.all.giveBack(cluster);
      this.ofUsers?.giveBack(user);
    };
  }

  #userIsOver(): Rejection {
    const { user, flag } = texts[this.#kind];
    return rejection(`user_${this.#kind}`, `${user} ${flag}-per-user (${this.#mostPerUser}) allows`);
  }

  #allAreOver(): Rejection {
    const { all, flag } = texts[this.#kind];
    const whom = this.all.free > 0 ? ' one cluster of several' : '';
    return rejection(`max_${this.#kind}`, `${all} ${flag} (${this.all.number}) allows${whom}`);
  }
}

function rejection(reason: `${'max' | 'user'}_${RequestKind}`, message: string): Rejection {
  return new Rejection(429, reason, `${message}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
}
