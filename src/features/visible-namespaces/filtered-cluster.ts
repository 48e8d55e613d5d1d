import type { Cluster, ClusterPart } from '../../clusters/cluster.js';
import { FollowedList, type ObjectChange } from '../../clusters/followed-list.js';
import { impersonatedUser, userOfImpersonation } from '../../kubernetes/impersonation.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Clock } from '../../lib/clock.js';
import { Deferred } from '../../lib/deferred.js';
import { digest } from '../../lib/digest.js';
import { isObject } from '../../lib/json.js';
import { Moment } from '../../lib/moment.js';
import { RecentKeys } from '../../lib/recent-keys.js';
import { within } from '../../lib/within.js';
import type { Reviews } from '../../reviews/reviews.js';
import type { FilterObserver } from './metrics.js';
import { nameLabel, RecentLists } from './own-namespaces.js';
import { type Binding, isAbout, readBinding, readRole } from './rbac.js';
import { Reviewer } from './reviewer.js';
import { type Namespace, Viewer } from './viewer.js';

export interface FilterParts {
  readonly reviews: Pick<Reviews, 'isStillAllowed' | 'denialOf'>;
  readonly clock: Clock;
  readonly observer: FilterObserver;
}

/** The most namespaces of a cluster in which lists are filtered. */
export const mostNamespaces = 5_000;
/** Milliseconds after which the API server's authorizers know of a change of RBAC too. */
const settling = 2_000;
/** Changes that come within so many milliseconds are one. */
const moment = 500;
/** Milliseconds that a request waits until the namespaces are known. */
const patience = 5_000;
/** The most verdicts of users that are remembered. */
const mostVerdicts = 1_000_000;
/** Milliseconds: as long as it is remembered what a user was shown. */
const forgetAfter = 600_000;

const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** The API server's refusals are remembered for ten seconds. */
const refusalLimits = { lifetime: 10_000, most: 10_000 };

/** A list of any objects. */
type Followed = Pick<FollowedList<unknown>, keyof ClusterPart | 'isSynced' | 'isForbidden' | 'follow'>;

/** What the filter needs to know of one cluster: its namespaces, its RBAC, and what users may get. */
export class FilteredCluster implements ClusterPart {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #reviews: FilterParts['reviews'];
  readonly #reviewer: Reviewer;
  readonly #viewers = new Map<string, Viewer>();
  /** What the API server has just refused, by keys that are equal for the same request of the same user. */
  readonly refusals: RecentKeys;
  #waiting = new Deferred();
  readonly #namespaces: FollowedList<Namespace & { readonly hasNameAsLabel: boolean }>;
  readonly #bindings: readonly FollowedList<Binding>[];
  readonly #roles: readonly FollowedList<string>[];
  readonly recent = new RecentLists();
  /** What has changed for whom within the present `moment`; undefined for a namespace means all. */
  #changes: Map<Viewer, Set<string | undefined>> | undefined;
  /** Whether all of RBAC was known when it was looked at last. */
  #knewRbac = false;

  constructor(cluster: Cluster, { reviews, clock, observer }: FilterParts) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#reviews = reviews;
    this.refusals = new RecentKeys(clock, refusalLimits);
    this.#reviewer = new Reviewer({ cluster, reviews, clock, observer });
    const common = { cluster, clock, stateChanged: () => this.#stateChanged() };
    this.#namespaces = new FollowedList({
      ...common,
      path: '/api/v1/namespaces',
      keep: ({ metadata }) => {
        const { name, uid, labels } = isObject(metadata) ? metadata : {};
        const hasNameAsLabel = isObject(labels) && labels[nameLabel] === name;
        return { name: String(name), uid: String(uid), hasNameAsLabel };
      },
      changed: change => this.#namespaceChanged(change),
    });
    const bindings = (resource: string) => {
      const list: FollowedList<Binding> = new FollowedList({
        ...common,
        path: `${rbac}/${resource}`,
        keep: readBinding,
        changed: change => {
          if (list.isSynced) this.#bindingChanged(change);
        },
      });
      return list;
    };
    const roles = (resource: string, kind: string) => {
      const list: FollowedList<string> = new FollowedList({
        ...common,
        path: `${rbac}/${resource}`,
        keep: readRole,
        changed: ({ key, before, after }) => {
          if (list.isSynced && before !== after) this.#roleChanged(`${kind} ${key}`);
        },
      });
      return list;
    };
    this.#bindings = [bindings('rolebindings'), bindings('clusterrolebindings')];
    this.#roles = [roles('roles', 'Role'), roles('clusterroles', 'ClusterRole')];
  }

  get #ofRbac(): readonly Followed[] {
    return [...this.#bindings, ...this.#roles];
  }

  get #all(): readonly Followed[] {
    return [this.#namespaces, ...this.#ofRbac];
  }

  /** Begins to follow what the cluster has. */
  follow(): void {
    for (const list of this.#all) list.follow();
  }

  /** What readyz says about it. */
  warnings(): readonly string[] {
    const { host } = this.#cluster;
    const at = host === '' ? '' : ` at ${host}`;
    if (this.#namespaces.isForbidden) {
      return [
        `the proxy's identity may not list and watch namespaces${at}; grant it both, otherwise --filter-namespaces does nothing`,
      ];
    }
    if (this.#ofRbac.some(({ isForbidden }) => isForbidden)) {
      return [
        `the proxy's identity may not list and watch roles, clusterroles, rolebindings and clusterrolebindings${at}; grant it both, otherwise --filter-namespaces filters lists of namespaces and no watches`,
      ];
    }
    return [];
  }

  /** The namespaces that there are. */
  get namespaces(): Iterable<Namespace> {
    return this.#namespaces.values();
  }

  /** Whether a selector of labels finds these by their names, and no new namespace is there unnoticed. */
  canName(names: readonly string[]): boolean {
    const list = this.#namespaces;
    return list.isOpen && names.every(name => list.get(name)?.hasNameAsLabel === true);
  }

  get hasTooMany(): boolean {
    return this.#namespaces.size > mostNamespaces;
  }

  /** Runs it later, unless the cluster is closed before. */
  later(delay: number, run: () => void): void {
    this.#reviewer.later(delay, run);
  }

  /** Whether lists, or watches, can be filtered. Waits a moment until the API server has said what there is. */
  async canFilter(isWatch: boolean): Promise<boolean> {
    const needed = isWatch ? this.#all : [this.#namespaces];
    const isDecided = () =>
      needed.some(({ isForbidden }) => isForbidden) || needed.every(({ isSynced }) => isSynced);
    const since = new Moment(this.#clock);
    while (!isDecided() && since.age < patience)
      await within(patience - since.age, this.#waiting.promise, () => undefined);
    return needed.every(({ isSynced }) => isSynced);
  }

  /** Whether a user whom the API server does not let list, or watch, namespaces would get those that it may get. */
  async serves(as: readonly string[], verb: 'list' | 'watch'): Promise<boolean> {
    if (!(await this.canFilter(verb === 'watch')) || this.hasTooMany) return false;
    const attributes = { resourceAttributes: { verb, group: '', version: 'v1', resource: 'namespaces' } };
    const wish = { user: impersonatedUser(as) as UserInfo, attributes, cluster: this.#cluster.name };
    return (await this.#reviews.denialOf(wish)) === undefined;
  }

  /** The user that these Impersonate-* fields name, with all that is known of it. */
  viewerOf(as: readonly string[]): Viewer {
    const key = digest(userOfImpersonation(as));
    let viewer = this.#viewers.get(key);
    if (viewer === undefined) {
      const user = impersonatedUser(as) as UserInfo;
      viewer = new Viewer(key, user, this.#reviewer, this.#clock);
    }
    viewer.as = as;
    viewer.used();
    this.#viewers.delete(key);
    this.#viewers.set(key, viewer);
    this.#forgetUnused();
    return viewer;
  }

  replaced(): void {
    this.#endWatches();
    this.#viewers.clear();
    this.refusals.clear();
    this.#knewRbac = false;
    this.#changes = undefined;
    for (const list of this.#all) list.replaced();
  }

  close(): void {
    this.#reviewer.close();
    for (const list of this.#all) list.close();
    this.#endWatches();
  }

  destroy(): void {
    this.close();
  }

  /** Those who were here longest ago come first. Nothing is left of them after ten minutes; and before, if all remember too much. */
  #forgetUnused(): void {
    let verdicts = 0;
    for (const { size } of this.#viewers.values()) verdicts += size;
    for (const [key, viewer] of this.#viewers) {
      const isTooMuch = verdicts > mostVerdicts;
      if (viewer.lastUsed.age < forgetAfter && !isTooMuch) return;
      if (viewer.watches.size > 0) continue;
      verdicts -= viewer.size;
      this.#viewers.delete(key);
    }
  }

  #stateChanged(): void {
    const waiting = this.#waiting;
    this.#waiting = new Deferred();
    waiting.resolve();
    const knowsRbac = this.#ofRbac.every(({ isSynced }) => isSynced);
    if (knowsRbac && !this.#knewRbac) {
      // What has changed before is not known.
      for (const viewer of this.#viewers.values()) viewer.forget(undefined);
    }
    this.#knewRbac = knowsRbac;
    if (this.#all.some(({ isForbidden }) => isForbidden)) this.#endWatches();
  }

  /** Their clients come back, and get what the API server says. */
  #endWatches(): void {
    for (const { watches } of this.#viewers.values()) for (const watch of [...watches]) watch.end();
  }

  #namespaceChanged({ before, after }: ObjectChange<Namespace>): void {
    if (before?.uid === after?.uid) return;
    for (const viewer of this.#viewers.values()) {
      if (before !== undefined) viewer.gone(before);
      if (after !== undefined && viewer.watches.size > 0) this.#reviewer.askSoon(viewer, [after]);
    }
  }

  #bindingChanged({ before, after }: ObjectChange<Binding>): void {
    const subjects = [...(before?.subjects ?? []), ...(after?.subjects ?? [])];
    this.#affected(subjects, (after ?? before)?.namespace);
  }

  #roleChanged(role: string): void {
    for (const bindings of this.#bindings)
      for (const binding of bindings.values())
        if (binding.role === role) this.#affected(binding.subjects, binding.namespace);
  }

  /** These subjects may have other rights now, in a namespace or in all. */
  #affected(subjects: readonly string[], namespace: string | undefined): void {
    for (const viewer of this.#viewers.values()) {
      if (!isAbout(subjects, viewer.user)) continue;
      viewer.forget(namespace);
      this.#unsettled(viewer).add(namespace);
    }
  }

  /** What is forgotten again, and asked for watches, when the API server knows of all changes of this moment. */
  #unsettled(viewer: Viewer): Set<string | undefined> {
    if (this.#changes === undefined) {
      const changes = new Map<Viewer, Set<string | undefined>>();
      this.#changes = changes;
      this.#reviewer.later(moment, () => {
        this.#changes = undefined;
        this.#reviewer.later(settling, () => this.#settle(changes));
      });
    }
    let namespaces = this.#changes.get(viewer);
    if (namespaces === undefined) {
      namespaces = new Set();
      this.#changes.set(viewer, namespaces);
    }
    return namespaces;
  }

  #settle(changes: ReadonlyMap<Viewer, ReadonlySet<string | undefined>>): void {
    for (const [viewer, names] of changes) {
      for (const name of names) viewer.forget(name);
      if (viewer.watches.size === 0) continue;
      const named = [...names].map(name => (name === undefined ? undefined : this.#namespaces.get(name)));
      this.#reviewer.askSoon(
        viewer,
        names.has(undefined) ? this.namespaces : named.filter(namespace => namespace !== undefined),
      );
    }
  }
}
