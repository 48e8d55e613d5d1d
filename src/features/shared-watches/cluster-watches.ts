import type { Cluster } from '../../clusters/cluster.js';
import type { Clock } from '../../lib/clock.js';
import type { Reviews } from '../../reviews/reviews.js';
import { RingBudget } from './event-ring.js';
import type { ShareObserver } from './share-observer.js';
import { SharedWatches } from './share-watches.js';
import { Turns } from './turns.js';

/** What the shared watches of all clusters need. */
export interface ClusterWatchesOptions {
  /** Bytes of memory for events. */
  readonly buffer: number;
  readonly observer: ShareObserver;
  /** Called with the milliseconds from sending a watch to the head of its response. */
  readonly onFirstByte: (milliseconds: number) => void;
  readonly clock: Clock;
  readonly reviews: Reviews;
}

/**
 * Returns the shared watches of each cluster. They are made when a cluster's first client asks, and end with the cluster. All clusters
 * together share the memory for events, and the turns in which clients get them.
 */
export function createClusterWatches({
  buffer,
  ...options
}: ClusterWatchesOptions): (cluster: Cluster) => SharedWatches {
  const common = { ...options, budget: new RingBudget(buffer), turns: new Turns(), random: Math.random };
  const ofClusters = new WeakMap<Cluster, SharedWatches>();
  return cluster => {
    let watches = ofClusters.get(cluster);
    if (watches === undefined) {
      watches = new SharedWatches({ ...common, source: cluster });
      ofClusters.set(cluster, watches);
      cluster.attach(watches);
    }
    return watches;
  };
}
