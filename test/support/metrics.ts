import { authenticationMethods } from '../../src/authentication/methods.js';
import { rejectionReasons } from '../../src/guard/guards.js';
import { withoutClusterLabel } from '../../src/observability/metrics/cluster-label.js';
import {
  type ClusterMetrics,
  createMetrics,
  type Metrics,
  type MetricsOptions,
} from '../../src/observability/metrics/metrics.js';
import { upstreamErrorReasons } from '../../src/transport/upstream-error.js';

/** Metrics without a program: those of the process and those of one cluster without connections and requests. */
export function createIdleMetrics(options: Partial<MetricsOptions> = {}): Metrics & ClusterMetrics {
  const metrics = createMetrics({
    version: '1.2.3',
    nodeVersion: '20.18.0',
    rejectionReasons,
    upstreamErrorReasons,
    authenticationMethods: authenticationMethods.map(({ name }) => name),
    clusterLabel: withoutClusterLabel,
    connections: () => new Map([['', { idle: 0, active: 0, upgraded: 0 }]]),
    shares: () => ({ inflight: 0, longrunning: 0, users: 0 }),
    readiness: async () => new Map(),
    ...options,
  });
  return { ...metrics, ...metrics.ofCluster('') };
}
