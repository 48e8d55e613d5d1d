import { collectDefaultMetrics, type Registry } from 'prom-client';
import { replaceEventLoopLag, unread } from './event-loop-lag.js';

// Gauges with a counter's suffix, which Prometheus' naming rules (promtool check metrics) forbid; each is the sum of the
// metric of the same name without the suffix, by type.
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** Adds prom-client's metrics of the process, those of its event loop replaced, and sets how several processes' values become one. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: unread });
  for (const name of misnamed) registry.removeSingleMetric(name);
  replaceEventLoopLag(registry);
  for (const metric of registry.getMetricsAsArray()) {
    // prom-client leaves it out of a sum; that of the process which holds the workers stands for all.
    if (metric.name === 'process_start_time_seconds') metric.aggregator = 'first';
    // An average hides one process that is stuck among others that are idle.
    if (metric.aggregator === 'average') metric.aggregator = 'max';
  }
}
