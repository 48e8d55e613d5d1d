import type { ShareWatches } from '../clusters/cluster.js';
import type { Clock } from '../lib/clock.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import type { Options } from '../options/table.js';
import { RingBudget } from '../watches/event-ring.js';
import { SharedWatches } from '../watches/share-watches.js';
import { Turns } from '../watches/turns.js';

/**
 * How the clients of each cluster share watches. All clusters together share the memory for events, and the turns in which clients get
 * them.
 */
export function createShareWatches(
  { shareWatchesBuffer }: Options,
  { sharedWatches }: Pick<Metrics, 'sharedWatches'>,
  clock: Clock,
): ShareWatches {
  const common = {
    budget: new RingBudget(shareWatchesBuffer),
    turns: new Turns(),
    observer: sharedWatches,
    clock,
    random: Math.random,
  };
  return (roundTripper, sessions) => new SharedWatches({ ...common, roundTripper, sessions });
}
