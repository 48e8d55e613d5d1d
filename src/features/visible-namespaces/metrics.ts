import { Counter, Gauge, type Registry } from 'prom-client';

/** How it was found out whether a user may get a namespace: the API server has said it, now or before, or nobody could say it. */
const results = ['allowed', 'refused', 'remembered', 'error'] as const;
type Result = (typeof results)[number];

/** Is told what the metrics need. */
export interface FilterObserver {
  reviewed(result: Result, count?: number): void;
  /** So many filtered watches more. */
  watches(count: number): void;
}

/** Adds the metrics to a registry. */
export function createFilterMetrics(registry: Registry): FilterObserver {
  const reviews = new Counter({
    name: 'kube_api_proxy_namespace_reviews_total',
    help: 'Questions of --filter-namespaces whether a user may get a namespace, by the result: what the API server says (allowed, refused), what it has said before (remembered), no answer (error).',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of results) reviews.inc({ result }, 0);
  const watches = new Gauge({
    name: 'kube_api_proxy_filtered_watches',
    help: 'Open watches of namespaces that show only those that their user may get.',
    registers: [registry],
  });
  return {
    reviewed: (result, count = 1) => reviews.inc({ result }, count),
    watches: count => watches.inc(count),
  };
}
