import { clusterApi } from './cluster-api.js';
import { createClusterProfiles } from './cluster-profile.js';
import type { KindName } from './clusters-from.js';
import type { Kind } from './kind.js';
import type { Providers } from './provider-file.js';

export function createKinds(providers: Providers): Readonly<Record<KindName, Kind>> {
  return { 'cluster-api': clusterApi, 'cluster-profile': createClusterProfiles(providers) };
}
