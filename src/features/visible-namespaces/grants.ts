import type { Cluster } from '../../clusters/cluster.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Clock } from '../../lib/clock.js';
import { isObject } from '../../lib/json.js';
import { FollowedList, type FollowedListParts } from '../common/followed-list.js';
import { type Binding, bound, isAbout, type Proposal, readBinding, readRole } from './rbac.js';

interface GrantsParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** What RBAC lets these subjects get may have changed, in one namespace or in all. */
  readonly granted: (subjects: readonly string[], namespace: string | undefined) => void;
  /** A namespace was made, or deleted; one that is made again is another one. */
  readonly made: (name: string) => void;
  readonly gone: (name: string) => void;
  readonly stateChanged: () => void;
}

const none: Proposal = { isAll: false, names: [] };

/** The namespaces of a cluster, and which ones RBAC lets users get, as the gateway follows them. */
export class Grants {
  readonly #parts: GrantsParts;
  readonly #lists: Pick<FollowedList<unknown>, 'isSynced' | 'isForbidden' | 'follow'>[] = [];
  /** The uid of each namespace. */
  readonly #namespaces: FollowedList<string>;
  readonly #bindings: readonly FollowedList<Binding>[];
  /** By their kinds. */
  readonly #roles: ReadonlyMap<string, FollowedList<Proposal>>;

  constructor(parts: GrantsParts) {
    this.#parts = parts;
    this.#namespaces = this.#list({
      path: '/api/v1/namespaces',
      keep: ({ metadata }) => String(isObject(metadata) ? metadata['uid'] : ''),
      changed: ({ key, before, after }) => {
        if (before === after) return;
        if (before !== undefined) parts.gone(key);
        if (after !== undefined) parts.made(key);
      },
    });
    this.#bindings = [this.#bindingsOf('rolebindings'), this.#bindingsOf('clusterrolebindings')];
    this.#roles = new Map([this.#rolesOf('Role'), this.#rolesOf('ClusterRole')]);
  }

  #list<T>(parts: Pick<FollowedListParts<T>, 'path' | 'keep' | 'changed'>): FollowedList<T> {
    const list = new FollowedList({ ...this.#parts, ...parts });
    this.#lists.push(list);
    // It begins anew and ends with the cluster.
    this.#parts.cluster.attach(list);
    return list;
  }

  #bindingsOf(resource: string): FollowedList<Binding> {
    return this.#list({
      path: `/apis/rbac.authorization.k8s.io/v1/${resource}`,
      keep: readBinding,
      changed: ({ before, after }) => {
        for (const binding of [before, after])
          if (binding !== undefined) this.#parts.granted(binding.subjects, binding.namespace);
      },
    });
  }

  #rolesOf(kind: string): [string, FollowedList<Proposal>] {
    const roles = this.#list({
      path: `/apis/rbac.authorization.k8s.io/v1/${kind.toLowerCase()}s`,
      keep: readRole,
      changed: ({ key, before = none, after = none }) => {
        if (JSON.stringify(before) === JSON.stringify(after)) return;
        for (const { role, subjects, namespace } of this.#allBindings())
          if (role === `${kind} ${key}`) this.#parts.granted(subjects, namespace);
      },
    });
    return [kind, roles];
  }

  /** Begins to follow what the cluster has. */
  follow(): void {
    for (const list of this.#lists) list.follow();
  }

  /** Whether all of it is known. */
  get isSynced(): boolean {
    return this.#lists.every(({ isSynced }) => isSynced);
  }

  /** Whether the API server does not let the gateway read some of it. */
  get isForbidden(): boolean {
    return this.#lists.some(({ isForbidden }) => isForbidden);
  }

  /** The names of all namespaces. */
  get names(): Iterable<string> {
    return this.#namespaces.keys;
  }

  exists(name: string): boolean {
    return this.#namespaces.get(name) !== undefined;
  }

  /** Which namespaces RBAC lets a user get. Some may not exist. */
  proposedTo(user: UserInfo): Proposal {
    const names = new Set<string>();
    let isAll = false;
    for (const binding of this.#allBindings()) {
      if (!isAbout(binding.subjects, user)) continue;
      const { role } = binding;
      const at = role.indexOf(' ');
      const proposed = bound(binding, this.#roles.get(role.slice(0, at))?.get(role.slice(at + 1)) ?? none);
      isAll ||= proposed.isAll;
      for (const name of proposed.names) names.add(name);
    }
    return { isAll, names: [...names] };
  }

  *#allBindings(): Generator<Binding> {
    for (const bindings of this.#bindings) yield* bindings.values();
  }
}
