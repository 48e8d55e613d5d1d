import { authenticationMethods } from '../../src/authentication/methods.js';
import { rejectionReasons } from '../../src/guard/guards.js';
import { createKnownResources } from '../../src/kubernetes/known-resources.js';
import { createMetrics, type Metrics, type MetricsOptions } from '../../src/observability/metrics/metrics.js';
import { upstreamErrorReasons } from '../../src/transport/upstream-error.js';

/** The program's metrics without a program: an API server without discovery, no connections and no requests. */
export function createIdleMetrics(options: Partial<MetricsOptions> = {}): Metrics {
  return createMetrics({
    version: '1.2.3',
    nodeVersion: '20.18.0',
    rejectionReasons,
    upstreamErrorReasons,
    authenticationMethods: authenticationMethods.map(({ name }) => name),
    knownResources: createKnownResources(async () => ({ status: 404, body: undefined })),
    connections: () => ({ idle: 0, active: 0, upgraded: 0 }),
    shares: () => ({ inflight: 0, longrunning: 0, users: 0 }),
    readiness: async () => new Map(),
    ...options,
  });
}
