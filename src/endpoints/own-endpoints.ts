import { clusters } from './clusters.js';
import { index } from './index-page.js';
import { type MetricsOptions, metrics } from './metrics.js';
import type { OwnEndpoint } from './own-endpoint.js';
import { livez, readyz } from './probes.js';

/** The endpoints of the core below `/-/`, in the order of the index. Their mounts follow from this list. */
export const ownEndpoints: readonly OwnEndpoint<MetricsOptions>[] = [index, clusters, metrics, livez, readyz];
