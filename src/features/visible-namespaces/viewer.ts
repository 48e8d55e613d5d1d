import type { UserInfo } from '../../kubernetes/user-info.js';
import { Moment } from '../../lib/moment.js';
import type { Grants } from './grants.js';
import type { FilterParts, Questions } from './questions.js';
import type { Proposal } from './rbac.js';

/** The API server's answer, which counts for so many milliseconds. */
interface Verdict {
  readonly isYes: boolean;
  readonly since: Moment;
  readonly lifetime: number;
}

/** Milliseconds for which a yes counts, at least and at most, and a no, unless RBAC changes; and an answer that may be from before a change. */
const lifetimes = { leastYes: 240_000, mostYes: 290_000, no: 60_000, unsure: 1_000 };
/** Milliseconds after which the API server's authorizers know of a change of RBAC too. */
export const settling = 1_000;
/** Milliseconds after which other gateways know of a change too. */
export const othersKnow = 15_000;
/** Milliseconds until the floor is read again after a failure. */
const retryAfter = 5_000;
/** The question about all namespaces at once. */
const all = '';

interface ViewerParts extends FilterParts {
  readonly grants: Pick<Grants, 'names' | 'exists' | 'proposedTo'>;
  readonly questions: Pick<Questions, 'mayGet' | 'canList' | 'newestVersion' | 'later'>;
}

/** What a user is shown: namespaces, and nothing of the past below a version. */
export interface Shown {
  readonly names: readonly string[];
  readonly floor: bigint;
}

/** A list or watch that is under way. */
export interface Onlooker {
  /** The names are others now. It must not go on with the old ones; if the new ones lack none of these, it may for some seconds. */
  renamed(isLoss: boolean): void;
  /** Nothing below this version is shown any more. */
  raised(floor: bigint): void;
}

/**
 * A user who may not list namespaces, and those that the user is shown. RBAC proposes them, and a review as the user confirms each. Where
 * authorizers besides RBAC may let the user get some, all are candidates.
 */
export class Viewer {
  readonly user: UserInfo;
  /** Impersonate-* fields of the user's last request. */
  as: readonly string[] = [];
  lastUsed: Moment;
  /** Those that are shown, in order. Others are another array. */
  names: readonly string[] = [];
  readonly open = new Set<Onlooker>();
  readonly #parts: ViewerParts;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #pending = new Map<string, Promise<void>>();
  /** When RBAC has changed what the user may get. */
  #changedAt: Moment | undefined;
  /** Whether RBAC proposes all that the user may get; undefined if the API server has not said it. */
  #isListed: Verdict | undefined;
  /** What RBAC proposes; undefined if it has to be looked up. */
  #proposal: Proposal | undefined;
  #shownNames: ReadonlySet<string> = new Set();
  /** Whether all are shown because of the answer about all at once. */
  #usesAll = false;
  #floor: Promise<bigint> | undefined;
  /** Whether the user may have been shown others before. */
  #hasPast: boolean;

  /** @param hasPast Whether RBAC has changed just now what the user may get. */
  constructor(user: UserInfo, parts: ViewerParts, hasPast: boolean) {
    this.user = user;
    this.#parts = parts;
    this.#hasPast = hasPast;
    this.lastUsed = new Moment(parts.clock);
  }

  /** How many verdicts are remembered. The rest takes as much memory as twenty. */
  get size(): number {
    return this.#verdicts.size + 20;
  }

  left(onlooker: Onlooker): void {
    this.open.delete(onlooker);
    this.lastUsed = new Moment(this.#parts.clock);
  }

  /** Finds out what the user is shown now. Rejects with a StatusError if nobody can say it about one candidate. */
  async shown(): Promise<Shown> {
    await this.confirm();
    this.#hasPast = true;
    for (;;) {
      const reading = this.#floor ?? this.#raiseFloor();
      const floor = await reading;
      // The names may have changed meanwhile.
      if (reading === this.#floor) return { names: this.names, floor };
    }
  }

  /** Asks about the candidates about which nothing is known, but for a no that is only old, unless `isWhole`. Rejects as `shown`. */
  async confirm(isWhole = true): Promise<void> {
    if (!this.#counts(this.#isListed)) {
      const since = new Moment(this.#parts.clock);
      const isYes = await this.#parts.questions.canList(this);
      this.#isListed = { isYes, since, lifetime: lifetimes.leastYes };
    }
    try {
      if (this.#mayShowAll) await this.#ask(this.#unknown([all], isWhole));
      if (!this.#showsAll) await this.#ask(this.#unknown(this.#candidates(), isWhole));
    } finally {
      this.#update();
    }
  }

  /** Asks again about those that are shown and whose yes is over; about each of them, if `isWhole`. Rejects as `shown`. */
  async renew(isWhole: boolean): Promise<void> {
    const shown = this.#showsAll ? [all] : this.names;
    const asked = isWhole ? shown : shown.filter(name => !this.#counts(this.#verdicts.get(name)));
    if (asked.length > 0) await this.#ask(asked).finally(() => this.#update());
  }

  /**
   * RBAC has changed: verdicts about this namespace count no longer, or all of them. What is shown stays until it is asked about, unless RBAC
   * does not propose it any more.
   */
  forget(namespace: string | undefined): void {
    this.#proposal = undefined;
    this.#changedAt = new Moment(this.#parts.clock);
    for (const [name, verdict] of this.#verdicts)
      if (namespace === undefined || name === namespace)
        this.#verdicts.set(name, { ...verdict, lifetime: 0 });
    if (this.open.size > 0) this.#update();
  }

  /** A namespace was deleted. */
  gone(name: string): void {
    this.#verdicts.delete(name);
    if (this.#shownNames.has(name)) this.#use(this.names.filter(other => other !== name));
  }

  #counts(verdict: Verdict | undefined): boolean {
    return verdict !== undefined && verdict.since.age < verdict.lifetime;
  }

  get #proposed(): Proposal {
    this.#proposal ??= this.#parts.grants.proposedTo(this.user);
    return this.#proposal;
  }

  /** Whether one review can say that the user may get all: no authorizer but RBAC decides, and that knows no exceptions. */
  get #mayShowAll(): boolean {
    const hasExceptions = this.#isListed?.isYes !== true || this.#parts.reviews.authorizer !== undefined;
    return !hasExceptions && this.#proposed.isAll;
  }

  get #showsAll(): boolean {
    return this.#mayShowAll && this.#isShowable(all, this.#usesAll);
  }

  /** Whether there is a yes. One from before a change keeps only what is shown. */
  #isShowable(name: string, isShown = this.#shownNames.has(name)): boolean {
    const verdict = this.#verdicts.get(name);
    return verdict?.isYes === true && (isShown || verdict.lifetime > 0);
  }

  #candidates(): readonly string[] {
    const { grants } = this.#parts;
    const { isAll, names } = this.#proposed;
    const isEach = isAll || this.#isListed?.isYes !== true;
    return isEach ? [...grants.names] : names.filter(name => grants.exists(name));
  }

  #unknown(names: readonly string[], isWhole: boolean): readonly string[] {
    const unknown = names.filter(name => {
      const verdict = this.#verdicts.get(name);
      return (
        !this.#counts(verdict) && (isWhole || verdict?.isYes !== false || verdict.lifetime < lifetimes.no)
      );
    });
    this.#parts.observer.reviewed('remembered', names.length - unknown.length);
    return unknown;
  }

  async #ask(names: readonly string[]): Promise<void> {
    const asked = names.map(name => {
      const pending = this.#pending.get(name) ?? this.#askOne(name).finally(() => this.#pending.delete(name));
      this.#pending.set(name, pending);
      return pending;
    });
    const results = await Promise.allSettled(asked);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #askOne(name: string): Promise<void> {
    const since = new Moment(this.#parts.clock);
    const isYes = await this.#parts.questions.mayGet(this, name);
    // What the API server has said before it knew of a change may be wrong after it.
    const isUnsure = this.#changedAt !== undefined && this.#changedAt.ageAt(since) < settling;
    const { leastYes, mostYes, no, unsure } = lifetimes;
    const lifetime = isYes ? leastYes + Math.random() * (mostYes - leastYes) : no;
    this.#verdicts.set(name, { isYes, since, lifetime: isUnsure ? unsure : lifetime });
  }

  /** Shows what is known now. */
  #update(): void {
    this.#usesAll = this.#showsAll;
    const { grants } = this.#parts;
    const names = this.#usesAll
      ? [...grants.names]
      : this.#candidates().filter(name => this.#isShowable(name));
    if (names.length !== this.names.length || names.some(name => !this.#shownNames.has(name)))
      this.#use(names.sort());
  }

  #use(names: readonly string[]): void {
    const before = this.names;
    this.names = names;
    this.#shownNames = new Set(names);
    const isLoss = before.some(name => !this.#shownNames.has(name));
    for (const onlooker of [...this.open]) onlooker.renamed(isLoss);
    // From now on, nothing is answered with the old names.
    this.#raiseFloor().catch(() => {});
    if (this.#hasPast) this.#raiseAgain(names, othersKnow);
  }

  /** Reads the floor. Watches of what is older end. */
  #raiseFloor(): Promise<bigint> {
    const reading = this.#parts.questions.newestVersion();
    this.#floor = reading;
    reading.then(
      floor => {
        if (this.#floor === reading) for (const onlooker of [...this.open]) onlooker.raised(floor);
      },
      () => {
        if (this.#floor === reading) this.#floor = undefined;
      },
    );
    return reading;
  }

  /** Other gateways may have answered with the old names for a while. */
  #raiseAgain(names: readonly string[], delay: number): void {
    this.#parts.questions.later(delay, () => {
      if (this.names === names) this.#raiseFloor().catch(() => this.#raiseAgain(names, retryAfter));
    });
  }
}
