import { Counter, Gauge, type Registry } from 'prom-client';

/** The metrics of the worker processes. */
export interface WorkerMetrics {
  /** Sets how many processes serve now. It is 1 until then, for a program with one process. */
  serving(count: number): void;
  /** A worker died, and another one replaces it. */
  restarted(): void;
  /** Sets how many workers did not answer this scrape. */
  unanswered(count: number): void;
  /** This process had an uncaught error. */
  uncaught(): void;
}

/** Adds the metrics to a registry. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  // Only the primary process knows the state of the workers.
  const aggregator = 'first';
  const registers = [registry];
  const serving = new Gauge({
    name: 'kube_api_proxy_workers',
    help: 'Processes that serve requests now.',
    aggregator,
    registers,
  });
  const restarts = new Counter({
    name: 'kube_api_proxy_worker_restarts_total',
    help: 'Workers that died and were replaced.',
    registers,
  });
  const unanswered = new Gauge({
    name: 'kube_api_proxy_workers_unanswered',
    help: 'Workers that did not answer this scrape in time; their last known values are used.',
    aggregator,
    registers,
  });
  const uncaught = new Counter({
    name: 'kube_api_proxy_uncaught_exceptions_total',
    help: 'Uncaught errors. Each is a bug of the program and is logged.',
    registers,
  });
  serving.set(1);
  return {
    serving: count => serving.set(count),
    restarted: () => restarts.inc(),
    unanswered: count => unanswered.set(count),
    uncaught: () => uncaught.inc(),
  };
}
