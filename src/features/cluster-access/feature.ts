import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { accessRight } from './access-right.js';

const options = defineOptions('API server', {
  clusterAccess: {
    type: accessRight,
    default: '',
    help: 'Right that a caller needs in a cluster to be shown it in lists of clusters, such as list/namespaces. By default callers are shown all.',
  },
});

type Values = OptionValues<typeof options> & { readonly adminPort: number | undefined };

/** Shows callers only the clusters in which they have a right. */
export const clusterAccess = {
  name: 'cluster-access',
  options,

  problems({ clusterAccess, adminPort }: Values, _given, { methods, methodsOn }: OptionFacts) {
    if (clusterAccess === undefined) return [];
    return [
      ...(methodsOn.length > 0
        ? []
        : [
            `--cluster-access needs a method of authentication (${flagsOf(methods)}): it is about what each caller may do`,
          ]),
      ...(adminPort !== undefined
        ? []
        : ['--cluster-access needs --admin-port: otherwise /-/metrics tells every caller all names']),
    ];
  },

  async create({ clusterAccess }, { clock, reviews }) {
    if (clusterAccess === undefined) return undefined;
    const { ClusterAccess } = await import('./cluster-access.js');
    const access = new ClusterAccess(clusterAccess, { clock, reviews });
    return { showClusters: (caller, registry) => access.shownTo(caller, registry), close() {} };
  },
} as const satisfies Feature<Values>;
