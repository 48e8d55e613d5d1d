import type { Feature } from '../../feature.js';
import { type RegexpList, wholeRegexpList } from '../../guard/regexp-list.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { clustersFromList } from './clusters-from.js';
import { createFoundClustersMetrics, type FoundClustersMetrics } from './metrics.js';

const options = defineOptions('API server', {
  clustersFrom: {
    type: clustersFromList,
    default: '',
    help: 'Also serve the clusters that objects in a namespace of the cluster of / define, below /clusters/NAMESPACE.NAME/: Secrets of Cluster API (cluster-api). The namespace is that of the gateway by default. It can be repeated.',
  },
  clustersFromServers: {
    type: wholeRegexpList,
    default: '',
    help: "Hosts that the servers of such clusters may have, by whole names or addresses, without ports; all by default. Loopback, link-local, multicast and metadata addresses and the gateway's own are refused, but for a loopback address in a URL that one of these matches.",
  },
});

type Values = OptionValues<typeof options> & { readonly contexts: RegexpList };

/** Clusters that objects of the cluster of `/` define, beside the contexts of the kubeconfig. */
export const foundClusters = {
  name: 'found-clusters',
  options,
  clusters: { flag: '--clusters-from', isOn: ({ clustersFrom }) => clustersFrom.length > 0 },
  metrics: createFoundClustersMetrics,

  async create(
    { clustersFrom, clustersFromServers, contexts },
    { cluster, registry, env, logger, clock, listeners },
    metrics,
  ) {
    if (clustersFrom.length === 0) return undefined;
    const [{ FoundClusters }, { kinds }, { StreamsOfFound }, { ownNamespace }] = await Promise.all([
      import('./found-clusters.js'),
      import('./kinds.js'),
      import('./open-streams.js'),
      import('./own-namespace.js'),
    ]);
    const streams = new StreamsOfFound();
    const found = new FoundClusters({
      ...{ cluster, registry, streams, env, logger, clock },
      serves: name => contexts.matches(name),
      servers: { hosts: clustersFromServers, listeners },
    });
    metrics.count(found);
    return {
      follower: () => streams,
      start() {
        const own = ownNamespace(registry, env);
        for (const { kind, namespace = own } of clustersFrom) found.follow({ kind: kinds[kind], namespace });
      },
      warnings: () => found.warnings(),
      close: () => found.close(),
    };
  },
} as const satisfies Feature<Values, FoundClustersMetrics>;
