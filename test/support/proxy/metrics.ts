import { FeatureSet, rejectionReasons } from '../../../src/app/feature-set.js';
import { withoutClusterLabel } from '../../../src/observability/metrics/cluster-label.js';
import {
  type ClusterMetrics,
  createMetrics,
  type Metrics,
  type MetricsOptions,
} from '../../../src/observability/metrics/metrics.js';
import { authenticationMethods } from '../../../src/options/facts.js';
import { endReasons } from '../../../src/request/recorded-request.js';
import { upstreamErrorReasons } from '../../../src/transport/upstream-error.js';

/** Metrics without a program: those of the process, of all features, and of one cluster without connections and requests. */
export function createIdleMetrics(options: Partial<MetricsOptions> = {}): Metrics & ClusterMetrics {
  const metrics = createMetrics({
    version: '1.2.3',
    rejectionReasons,
    upstreamErrorReasons,
    endReasons,
    authenticationMethods: authenticationMethods.map(({ name }) => name),
    clusterLabel: withoutClusterLabel,
    connections: () => new Map([['', { idle: 0, active: 0, upgraded: 0 }]]),
    droppedLines: () => 0,
    readiness: async () => new Map(),
    ...options,
  });
  new FeatureSet(metrics.registry);
  return { ...metrics, ...metrics.ofCluster('') };
}

/** A metric without its samples. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** Every metric, in the order of a scrape. prom-client's types do not declare the name, help text and label names of a metric. */
export function describeMetrics({ registry }: Metrics): MetricDescription[] {
  return registry.getMetricsAsArray().map((metric: object) => {
    const { name, help, labelNames } = metric as MetricDescription;
    return { name, help, labelNames, type: metric.constructor.name.toLowerCase() };
  });
}
