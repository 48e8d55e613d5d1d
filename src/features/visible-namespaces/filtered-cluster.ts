import type { Cluster, ClusterPart } from '../../clusters/cluster.js';
import { impersonatedUser, userOfImpersonation } from '../../kubernetes/impersonation.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { digest } from '../../lib/json.js';
import { Moment } from '../../lib/moment.js';
import { Deferred, within } from '../../lib/promises.js';
import type { ResponseSink } from '../../transport/round-trip.js';
import type { TripParts } from '../common/holding-trip.js';
import { Grants } from './grants.js';
import { type FilterParts, Questions } from './questions.js';
import { isAbout } from './rbac.js';
import { othersKnow, settling, Viewer } from './viewer.js';

/** A request that the route has taken. */
export interface FilteringParts<Sink extends ResponseSink> extends TripParts<Sink> {
  readonly filtered: FilteredCluster;
}

/** Changes that come within so many milliseconds are one. */
const moment = 1_000;
/** Milliseconds until it is asked again after a failure. */
const retryAfter = 5_000;
/** Milliseconds between two looks for a yes that is over. */
const look = 10_000;
/** Milliseconds that a request waits until namespaces and RBAC are known. */
const patience = 5_000;
/** The most verdicts of users that are remembered. */
const mostVerdicts = 1_000_000;
/** Milliseconds after which a user is forgotten who has no watch. */
const forgetAfter = 600_000;

/** What the filter knows of one cluster, which it follows: its namespaces, its RBAC, and what users are shown. */
export class FilteredCluster implements ClusterPart {
  readonly #cluster: Cluster;
  readonly #parts: FilterParts;
  readonly #grants: Grants;
  readonly questions: Questions;
  readonly #viewers = new Map<string, Viewer>();
  #waiting = new Deferred();
  /** Those who may get others since the present `moment` began. */
  readonly #changed = new Set<Viewer>();
  /** The subjects of the last changes of RBAC. */
  readonly #recent: { readonly since: Moment; readonly subjects: readonly string[] }[] = [];
  #wasSynced = false;

  constructor(cluster: Cluster, parts: FilterParts) {
    const { clock } = parts;
    this.#cluster = cluster;
    this.#parts = parts;
    this.questions = new Questions(cluster, parts);
    this.#grants = new Grants({
      ...{ cluster, clock },
      granted: (subjects, namespace) => {
        if (!this.#grants.isSynced) return;
        while ((this.#recent[0]?.since.age ?? 0) >= othersKnow) this.#recent.shift();
        this.#recent.push({ since: new Moment(clock), subjects });
        for (const viewer of this.#viewers.values())
          if (isAbout(subjects, viewer.user)) this.#change(viewer, namespace);
      },
      made: name => {
        for (const viewer of this.#viewers.values()) if (viewer.open.size > 0) this.#change(viewer, name);
      },
      gone: name => {
        for (const viewer of this.#viewers.values()) viewer.gone(name);
      },
      stateChanged: () => this.#stateChanged(),
    });
    this.#grants.follow();
    this.#look();
  }

  /** What readyz says about it. */
  warnings(): readonly string[] {
    if (!this.#grants.isForbidden) return [];
    const at = this.#cluster.host === '' ? '' : ` at ${this.#cluster.host}`;
    return [
      `the proxy's identity may not list and watch namespaces, roles, clusterroles, rolebindings and clusterrolebindings${at}; grant it both, otherwise --filter-namespaces does nothing`,
    ];
  }

  /** Whether users can be shown what they may get. Waits a moment until the API server has said what there is. */
  async canFilter(): Promise<boolean> {
    const since = new Moment(this.#parts.clock);
    while (!this.#grants.isForbidden && !this.#grants.isSynced && since.age < patience)
      await within(patience - since.age, this.#waiting.promise, () => undefined);
    return this.#grants.isSynced;
  }

  /** Whether a user whom the API server does not let list, or watch, namespaces would get those that it may get. */
  async serves(as: readonly string[], verb: 'list' | 'watch'): Promise<boolean> {
    if (!(await this.canFilter())) return false;
    const attributes = { resourceAttributes: { verb, group: '', version: 'v1', resource: 'namespaces' } };
    const wish = { user: impersonatedUser(as) as UserInfo, attributes, cluster: this.#cluster.name };
    return (await this.#parts.reviews.denialOf(wish)) === undefined;
  }

  /** The user that these Impersonate-* fields name, with all that is known of it. */
  viewerOf(as: readonly string[]): Viewer {
    const key = digest(userOfImpersonation(as));
    let viewer = this.#viewers.get(key);
    if (viewer === undefined) {
      const parts = { ...this.#parts, grants: this.#grants, questions: this.questions };
      const user = impersonatedUser(as) as UserInfo;
      const hasPast = this.#recent.some(
        ({ since, subjects }) => since.age < othersKnow && isAbout(subjects, user),
      );
      viewer = new Viewer(user, parts, hasPast);
    }
    viewer.as = as;
    viewer.lastUsed = new Moment(this.#parts.clock);
    this.#viewers.delete(key);
    this.#viewers.set(key, viewer);
    this.#forgetUnused();
    return viewer;
  }

  replaced(): void {
    this.#forgetAll();
  }

  close(): void {
    this.questions.close();
    this.#forgetAll();
  }

  destroy(): void {
    this.close();
  }

  /** Lists and watches that are under way end; their clients come back, and get what is known then. */
  #forgetAll(): void {
    for (const { open } of this.#viewers.values()) for (const onlooker of [...open]) onlooker.renamed(true);
    this.#viewers.clear();
    this.#changed.clear();
    this.#wasSynced = false;
  }

  /** Those who were here longest ago come first. Nothing is left of them after ten minutes; and before, if all remember too much. */
  #forgetUnused(): void {
    let verdicts = 0;
    for (const { size } of this.#viewers.values()) verdicts += size;
    for (const [key, viewer] of this.#viewers) {
      const isTooMuch = verdicts > mostVerdicts;
      if (viewer.lastUsed.age < forgetAfter && !isTooMuch) return;
      if (viewer.open.size > 0) continue;
      verdicts -= viewer.size;
      this.#viewers.delete(key);
    }
  }

  #stateChanged(): void {
    const waiting = this.#waiting;
    this.#waiting = new Deferred();
    waiting.resolve();
    const { isSynced, isForbidden } = this.#grants;
    // What has changed before is not known.
    if (isSynced && !this.#wasSynced)
      for (const viewer of this.#viewers.values()) this.#change(viewer, undefined);
    this.#wasSynced = isSynced;
    if (isForbidden) this.#forgetAll();
  }

  /** The user may get others now, of this name or of any. Watches ask when the changes of a moment are over, and the API server knows of all of them. */
  #change(viewer: Viewer, namespace: string | undefined): void {
    if (!this.#grants.isSynced) return;
    viewer.forget(namespace);
    if (this.#changed.size === 0)
      this.questions.later(moment, () => {
        const viewers = [...this.#changed];
        this.#changed.clear();
        this.questions.later(settling, () => this.#confirm(viewers));
      });
    this.#changed.add(viewer);
  }

  /** Whoever has no watch asks with the next list. */
  #confirm(viewers: readonly Viewer[]): void {
    for (const viewer of viewers)
      if (viewer.open.size > 0)
        viewer.confirm(false).catch(() => this.questions.later(retryAfter, () => this.#confirm([viewer])));
  }

  /** Now and then asks about what watches show. */
  #look(): void {
    this.questions.later(look, () => {
      for (const viewer of this.#viewers.values())
        if (viewer.open.size > 0) viewer.renew(false).catch(() => {});
      this.#forgetUnused();
      this.#look();
    });
  }
}
