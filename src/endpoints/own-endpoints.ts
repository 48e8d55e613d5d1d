import { clusters } from './clusters.js';
import { kubeconfig } from './kubeconfig-endpoint.js';
import { metrics } from './metrics.js';
import type { OwnEndpoint } from './own-endpoint.js';
import { livez, readyz } from './probes.js';

/** Every endpoint of the proxy's own below `/-/`. A new one needs an entry here and nothing else. */
export const ownEndpoints: readonly OwnEndpoint[] = [metrics, livez, readyz, clusters, kubeconfig];
