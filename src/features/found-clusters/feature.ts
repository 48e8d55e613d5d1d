import type { Feature } from '../../feature.js';
import { type RegexpList, wholeRegexpList } from '../../guard/regexp-list.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { readWhole } from '../../lib/read-file.js';
import { text } from '../../lib/value-type.js';
import { clustersFromList } from './clusters-from.js';
import { createFoundClustersMetrics, type FoundClustersMetrics } from './metrics.js';

const options = defineOptions('API server', {
  clustersFrom: {
    type: clustersFromList,
    default: '',
    help: 'Also serve the clusters that objects in a namespace of the cluster of / define, below /clusters/NAMESPACE.NAME/: Secrets of Cluster API (cluster-api), or ClusterProfiles (cluster-profile). The namespace is that of the gateway by default. It can be repeated.',
  },
  clustersFromServers: {
    type: wholeRegexpList,
    default: '',
    help: "Hosts that the servers of such clusters may have, by whole names or addresses, without ports; all by default. Loopback, link-local, multicast and metadata addresses and the gateway's own are refused, but for a loopback address in a URL that one of these matches.",
  },
  clusterprofileProviderFile: {
    type: text('FILE'),
    default: '',
    help: 'Credential plugins for the access providers of ClusterProfiles, as their API defines the file; needed with --clusters-from=cluster-profile.',
  },
});

type Values = OptionValues<typeof options> & { readonly contexts: RegexpList };

/** Clusters that objects of the cluster of `/` define, beside the contexts of the kubeconfig. */
export const foundClusters = {
  name: 'found-clusters',
  options,
  clusters: { flag: '--clusters-from', isOn: ({ clustersFrom }) => clustersFrom.length > 0 },
  metrics: createFoundClustersMetrics,
  problems({ clustersFrom, clustersFromServers, clusterprofileProviderFile }) {
    const kinds = new Set(clustersFrom.map(({ kind }) => kind));
    const hasFile = clusterprofileProviderFile !== '';
    const needsFile = kinds.has('cluster-profile');
    const [from, servers, file] = [
      '--clusters-from',
      '--clusters-from-servers',
      '--clusterprofile-provider-file',
    ];
    return [
      ...(kinds.size === 0 && clustersFromServers.source !== '' ? [`${servers} needs ${from}`] : []),
      ...(needsFile && !hasFile ? [`${from}=cluster-profile needs ${file}`] : []),
      ...(hasFile && !needsFile ? [`${file} needs ${from}=cluster-profile`] : []),
    ];
  },

  async create(
    { clustersFrom, clustersFromServers, contexts, clusterprofileProviderFile: file },
    { cluster, registry, env, logger, clock, listeners, metrics },
    ownMetrics,
  ) {
    if (clustersFrom.length === 0) return undefined;
    const [
      { FoundClusters },
      { GoneSamples },
      { createKinds },
      { readProviderFile },
      { StreamsOfFound },
      { ownNamespace },
    ] = await Promise.all([
      import('./found-clusters.js'),
      import('./gone-samples.js'),
      import('./kinds.js'),
      import('./provider-file.js'),
      import('./open-streams.js'),
      import('./own-namespace.js'),
    ]);
    const read = file === '' ? { providers: new Map() } : await readProviderFile(file, readWhole);
    if ('problems' in read) return read;
    const kinds = createKinds(read.providers);
    const streams = new StreamsOfFound();
    const found = new FoundClusters({
      ...{ cluster, registry, streams, env, logger, clock },
      samples: new GoneSamples({ registry: ownMetrics.registry, metrics, clusters: registry }),
      serves: name => contexts.matches(name),
      servers: { hosts: clustersFromServers, listeners },
    });
    ownMetrics.count(found);
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
