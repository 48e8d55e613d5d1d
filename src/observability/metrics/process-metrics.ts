import { collectDefaultMetrics, type Registry } from 'prom-client';
import { replaceEventLoopLag, unread } from './event-loop-lag.js';

// Gauges with the suffix of a counter, which Prometheus' naming rules (promtool check metrics) forbid. Each is the sum, over all types,
// of the metric of the same name without the suffix.
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** Adds prom-client's metrics of the process, with our own for the event loop. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: unread });
  for (const name of misnamed) registry.removeSingleMetric(name);
  replaceEventLoopLag(registry);
}
