import { Counter, type Registry } from 'prom-client';

/** The metrics of tracing. */
export type TracingMetrics = ReturnType<typeof createTracingMetrics>;

/** Adds the metrics to a registry. They start at 0. */
export function createTracingMetrics(registry: Registry) {
  const spans = new Counter({
    name: 'kube_api_proxy_trace_spans_total',
    help: 'Spans of sampled requests: exported to the collector, dropped because too many waited for it, or failed because it did not take them.',
    labelNames: ['result'],
    registers: [registry],
  });
  const results = ['exported', 'dropped', 'failed'] as const;
  for (const result of results) spans.inc({ result }, 0);
  return {
    /** What has become of so many spans. */
    spans: (result: (typeof results)[number], count: number) => spans.inc({ result }, count),
  };
}
