import type { UserInfo } from '../kubernetes/user-info.js';
import type { ClusterRegistry } from './registry.js';

/** The clusters that a caller is shown in lists. What the caller may do there, their API servers decide. */
export interface ShownClusters {
  readonly names: ReadonlySet<string>;
  /** Those of `names` of which nobody knows it now: the API server gives no answer, but the caller was shown them before. */
  readonly unknown: ReadonlySet<string>;
  /** Whether no other API server was without an answer. Undefined where none is asked. */
  readonly isComplete?: boolean;
}

/** The clusters among which is chosen: that of `/`, and the contexts. */
export type ChosenFrom = Pick<ClusterRegistry, 'default' | 'names' | 'get'>;

/** Chooses the clusters that a caller is shown. Never rejects. */
export type ShowClusters = (caller: UserInfo, registry: ChosenFrom) => Promise<ShownClusters>;

/** The names of all clusters. The one of `/` may have an empty name. */
export function namesOf({
  default: root,
  names,
}: Pick<ChosenFrom, 'default' | 'names'>): ReadonlySet<string> {
  return new Set([root.name, ...names]);
}

const none: ReadonlySet<string> = new Set();

/** @param show Undefined if everybody is shown all clusters; otherwise whoever is no caller is shown none. */
export function createShownTo(
  show: ShowClusters | undefined,
  registry: ChosenFrom,
): (caller: UserInfo | undefined) => Promise<ShownClusters> {
  return async caller => {
    if (show === undefined) return { names: namesOf(registry), unknown: none };
    return caller === undefined ? { names: none, unknown: none } : show(caller, registry);
  };
}
