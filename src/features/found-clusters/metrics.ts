import { Gauge, type Registry } from 'prom-client';
import type { FoundClusters } from './found-clusters.js';

/** What the metrics read at each scrape. */
type Counted = Pick<FoundClusters, 'counts' | 'isSynced'>;

export type FoundClustersMetrics = ReturnType<typeof createFoundClustersMetrics>;

export function createFoundClustersMetrics(registry: Registry) {
  let counted: Counted | undefined;
  new Gauge({
    name: 'kube_api_proxy_found_clusters',
    help: 'Clusters of --clusters-from, by whether their objects can be used: usable, outdated (only an earlier version can), unusable.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(counted?.counts ?? none)) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'kube_api_proxy_found_clusters_synced',
    help: 'Whether all objects of --clusters-from are known as they are now: 1 or 0; always 1 without the flag.',
    registers: [registry],
    collect() {
      this.set(counted?.isSynced === false ? 0 : 1);
    },
  });
  return {
    registry,
    /** From now on, these are counted. */
    count(clusters: Counted): void {
      counted = clusters;
    },
  };
}

const none = { usable: 0, outdated: 0, unusable: 0 };
