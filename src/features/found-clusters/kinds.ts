import { clusterApi } from './cluster-api.js';
import type { KindName } from './clusters-from.js';
import type { Kind } from './kind.js';

export const kinds: Readonly<Record<KindName, Kind>> = { 'cluster-api': clusterApi };
