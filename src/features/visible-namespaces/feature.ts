import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool } from '../../lib/value-type.js';
import { createFilterMetrics, type FilterObserver } from './metrics.js';

const options = defineOptions('API server', {
  filterNamespaces: {
    type: bool,
    default: 'false',
    help: 'Show callers who may not list namespaces those that they may get, in place of the 403. The identity of the proxy has to list and watch namespaces and RBAC.',
  },
});

type Values = OptionValues<typeof options>;

/** Lists and watches of namespaces for callers who may get only some of them. */
export const visibleNamespaces = {
  name: 'visible-namespaces',
  options,

  problems({ filterNamespaces }, _given, { methods, methodsOn }: OptionFacts) {
    if (!filterNamespaces || methodsOn.length > 0) return [];
    return [
      `--filter-namespaces needs a method of authentication (${flagsOf(methods)}): it is about what each caller may get`,
    ];
  },

  metrics: createFilterMetrics,

  async create({ filterNamespaces }, { clock, cluster, reviews }, observer) {
    if (!filterNamespaces) return undefined;
    const { NamespaceRoute } = await import('./namespace-route.js');
    const route = new NamespaceRoute({ clock, observer, reviews });
    return {
      route: () => route,
      start: () => void route.of(cluster),
      warnings: () => route.of(cluster).warnings(),
      // What follows a cluster ends with it.
      close() {},
    };
  },
} as const satisfies Feature<Values, FilterObserver>;
