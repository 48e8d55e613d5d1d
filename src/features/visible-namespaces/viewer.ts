import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { idOf, type NamespaceRow } from './namespace-rows.js';
import { type Ids, ShownVersions } from './shown-versions.js';

/** The API server's answer about one namespace. */
interface Verdict {
  /** The uid of the namespace that it was asked about. */
  readonly uid: string;
  readonly isYes: boolean;
  readonly since: Moment;
}

/** Milliseconds for which a verdict counts, unless RBAC changes. */
const lifetime = { yes: 10_000, no: 60_000 };
/** How often one question is asked if RBAC changes meanwhile. */
const mostAttempts = 3;

export type Namespace = Pick<NamespaceRow, 'name' | 'uid'>;

/** What asks the API server for one user. */
export interface Asking {
  /** Whether the user may get the namespace. Rejects if nobody can say it. */
  ask(viewer: Viewer, name: string): Promise<boolean>;
  /** So many verdicts that were remembered have counted. */
  remembered(count: number): void;
}

/** Hears of the namespaces that become visible to a user, or no longer are. */
export interface Onlooker {
  changed(): void;
  /** Ends as a watch does: its client comes back. */
  end(): void;
}

/** A user who may not list namespaces: which ones the user may get, as far as the API server has said it. */
export class Viewer {
  readonly key: string;
  readonly user: UserInfo;
  readonly #asking: Asking;
  readonly #clock: Clock;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #pending = new Map<string, Promise<void>>();
  /** Grows when RBAC changes: an answer to a question from before is not remembered. */
  #epoch = 0;
  #visible = new Set<string>();
  /** Whether somebody else has `#visible`, so that another set takes its place when it changes. */
  #isLent = false;
  /** How often it has changed. */
  #changes = 0;
  readonly shown: ShownVersions;
  readonly watches = new Set<Onlooker>();
  /** Impersonate-* fields of the user's last request. */
  as: readonly string[] = [];
  lastUsed: Moment;

  constructor(key: string, user: UserInfo, asking: Asking, clock: Clock) {
    this.key = key;
    this.user = user;
    this.#asking = asking;
    this.#clock = clock;
    this.shown = new ShownVersions(clock);
    this.lastUsed = new Moment(clock);
  }

  /** Those about which the last answer was yes. The set does not change any more. */
  get visible(): Ids {
    this.#isLent = true;
    return this.#visible;
  }

  /** How many verdicts are remembered. */
  get size(): number {
    return this.#verdicts.size;
  }

  /** Its user was here just now. */
  used(): void {
    this.lastUsed = new Moment(this.#clock);
  }

  /** Asks about those about which nothing is known. Rejects if nobody can say it about one of them. */
  async judge(namespaces: Iterable<Namespace>): Promise<void> {
    const asked: Promise<void>[] = [];
    const now = new Moment(this.#clock);
    let known = 0;
    for (const namespace of namespaces) {
      if (this.#isKnown(namespace, now)) known += 1;
      else asked.push(this.#askOnce(namespace));
    }
    this.#asking.remembered(known);
    if (asked.length > 0) await this.#settled(asked);
  }

  /** Asks about one, whatever is known. */
  async judgeAgain(namespace: Namespace): Promise<void> {
    await this.#settled([this.#askOnce(namespace)]);
  }

  async #settled(asked: readonly Promise<void>[]): Promise<void> {
    const before = this.#changes;
    const results = await Promise.allSettled(asked);
    if (this.#changes !== before) this.#tell();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** RBAC has changed: what is known of one namespace, or of all, counts no longer. What is visible stays until it is asked about. */
  forget(name: string | undefined): void {
    this.#epoch += 1;
    if (name === undefined) this.#verdicts.clear();
    else this.#verdicts.delete(name);
  }

  /** A namespace was deleted. */
  gone(namespace: Namespace): void {
    if (this.#verdicts.get(namespace.name)?.uid === namespace.uid) this.#verdicts.delete(namespace.name);
    this.#show(namespace, false);
  }

  #tell(): void {
    for (const watch of this.watches) watch.changed();
  }

  #isKnown({ name, uid }: Namespace, now: Moment): boolean {
    const verdict = this.#verdicts.get(name);
    if (verdict?.uid !== uid) return false;
    return verdict.since.ageAt(now) < (verdict.isYes ? lifetime.yes : lifetime.no);
  }

  #askOnce(namespace: Namespace): Promise<void> {
    const key = idOf(namespace);
    let asked = this.#pending.get(key);
    if (asked === undefined) {
      asked = this.#ask(namespace).finally(() => this.#pending.delete(key));
      this.#pending.set(key, asked);
    }
    return asked;
  }

  async #ask(namespace: Namespace): Promise<void> {
    const { name, uid } = namespace;
    // What RBAC has said before a change may be wrong after it.
    for (let attempt = 1; ; attempt += 1) {
      const epoch = this.#epoch;
      const since = new Moment(this.#clock);
      const isYes = await this.#asking.ask(this, name);
      if (epoch !== this.#epoch && attempt < mostAttempts) continue;
      if (epoch === this.#epoch) this.#verdicts.set(name, { uid, isYes, since });
      this.#show(namespace, isYes);
      return;
    }
  }

  #show(namespace: Namespace, isVisible: boolean): void {
    const id = idOf(namespace);
    if (this.#visible.has(id) === isVisible) return;
    if (this.#isLent) this.#visible = new Set(this.#visible);
    this.#isLent = false;
    this.#changes += 1;
    if (isVisible) this.#visible.add(id);
    else this.#visible.delete(id);
  }
}
