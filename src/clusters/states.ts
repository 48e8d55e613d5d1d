import { urlOf } from '../kubeconfig/server-address.js';
import { type Clock, systemClock } from '../lib/clock.js';
import { within } from '../lib/promises.js';
import type { Cluster } from './cluster.js';
import { Reachability } from './reachability.js';
import type { AddedCluster, ClusterRegistry } from './registry.js';

/** The fields of one context in `/-/clusters`. */
export interface ClusterState {
  readonly name: string;
  /** Address of the API server, without credentials. */
  readonly server: string;
  /** Whether it is served at `/`. */
  readonly current: boolean;
  /** `unused`: there was no request for it yet. */
  readonly state: 'unused' | 'ready' | 'failing';
  /** Whether callers use their tokens for the cluster of `/` there. Its own API server sees none. */
  readonly tokensOfRoot?: true;
  /** Why the state is `failing`, or what is wrong with a cluster that an earlier version of its configuration still serves. */
  readonly reason?: string;
  /** What others say of the health of a cluster that a feature has added. */
  readonly condition?: string;
  /** When the first check failed after the last one that passed (RFC 3339). */
  readonly since?: string;
  /** The API server's `gitVersion`, such as `v1.34.1`. */
  readonly version?: string;
}

/** The checks of one cluster. */
interface ClusterChecks {
  readonly reachability: Reachability;
  /** Rejects if the cluster does not let the proxy impersonate its callers. Undefined without authentication. */
  readonly mayImpersonate: (() => Promise<void>) | undefined;
}

/** Returns the checks of a cluster. They are always the same object, so that readyz and `/-/clusters` share the results. */
export type ChecksOf = (cluster: Cluster) => ClusterChecks;

/** @param mayImpersonate Creates the check of that name for a cluster. Undefined without authentication. */
export function createClusterChecks(
  mayImpersonate: ((cluster: Cluster) => () => Promise<void>) | undefined,
): ChecksOf {
  const checks = new WeakMap<Cluster, ClusterChecks>();
  return cluster => {
    const made = checks.get(cluster) ?? {
      reachability: new Reachability(cluster),
      mayImpersonate: mayImpersonate?.(cluster),
    };
    checks.set(cluster, made);
    return made;
  };
}

/** Milliseconds that an answer waits for checks. A cluster that takes longer counts as failing. */
const patience = 1_000;

/**
 * Returns the function that reports the states of the clusters with these names: the contexts below `/clusters/`, and that of `/` if it is
 * not one of them. It checks only the clusters that are in use.
 */
export function createClusterStates(
  registry: ClusterRegistry,
  checksOf: ChecksOf,
  clock: Clock = systemClock,
): (shown: ReadonlySet<string>) => Promise<readonly ClusterState[]> {
  const failingSince = new WeakMap<Cluster | AddedCluster, string>();
  const failing = (cluster: Cluster | AddedCluster, reason: string) => {
    const since = failingSince.get(cluster) ?? new Date(clock.now()).toISOString();
    failingSince.set(cluster, since);
    return { state: 'failing', reason, since } as const;
  };
  const stateOf = async (
    cluster: Cluster | undefined,
    added: AddedCluster | undefined,
  ): Promise<Omit<ClusterState, 'name' | 'server' | 'current'>> => {
    const reason = added?.problem;
    if (added !== undefined && reason !== undefined && !added.isUsable) return failing(added, reason);
    if (cluster?.endpoint === undefined) {
      const failure = added === undefined ? cluster?.failure : undefined;
      if (cluster !== undefined && failure !== undefined) return failing(cluster, failure.message);
      return { state: 'unused', ...(reason !== undefined && { reason }) };
    }
    const { reachability, mayImpersonate } = checksOf(cluster);
    const check = async () => {
      await reachability.check();
      await mayImpersonate?.();
    };
    const failure = await within(patience, failureOf(check), () => `no answer within ${patience / 1000} s`);
    if (failure !== undefined) return failing(cluster, failure);
    failingSince.delete(cluster);
    const { version } = reachability;
    return {
      state: 'ready',
      ...(reason !== undefined && { reason }),
      ...(version !== undefined && { version }),
    };
  };
  return shown => {
    const used = new Map(registry.used.map(cluster => [cluster.name, cluster]));
    const served = registry.contexts.filter(({ name }) => registry.names.has(name));
    const { default: root } = registry;
    const all = registry.names.has(root.name)
      ? served
      : [
          { name: root.name, server: root.endpoint === undefined ? '' : urlOf(root.endpoint.config.server) },
          ...served,
        ];
    return Promise.all(
      all
        .filter(({ name }) => shown.has(name))
        .map(async ({ name, server }) => {
          const cluster = used.get(name);
          const added = registry.added(name);
          const state = await stateOf(cluster, added);
          const ofAdded = added && {
            tokensOfRoot: true as const,
            ...(added.condition !== undefined && { condition: added.condition }),
          };
          return { name, server, current: cluster === registry.default, ...state, ...ofAdded };
        }),
    );
  };
}

function failureOf(check: () => Promise<void>): Promise<string | undefined> {
  return check().then(
    () => undefined,
    (error: Error) => error.message,
  );
}
