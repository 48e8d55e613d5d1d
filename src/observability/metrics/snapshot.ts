import { AggregatorRegistry } from 'prom-client';
import { inFormat, type Rendered } from './exposition.js';

/** The metrics of one process with their samples, as prom-client's registries give them. */
export type Snapshot = readonly SampledMetric[];

interface SampledMetric {
  readonly name: string;
  readonly type: string;
}

/**
 * Combines the metrics of several processes. Each metric's aggregator says how: the sum by default; with `first`, the value of the first
 * snapshot that has it.
 */
export async function renderSum(snapshots: readonly Snapshot[], accept: string): Promise<Rendered> {
  return inFormat(await AggregatorRegistry.aggregate([...snapshots]).metrics(), accept);
}

/** The sums of the counters and histograms of processes that have ended. Their gauges are left out. */
export function addCounters(snapshots: readonly Snapshot[]): Snapshot {
  const counters = snapshots.map(metrics =>
    metrics.filter(({ type }) => type === 'counter' || type === 'histogram'),
  );
  return AggregatorRegistry.aggregate(counters).getMetricsAsArray() as unknown as Snapshot;
}
