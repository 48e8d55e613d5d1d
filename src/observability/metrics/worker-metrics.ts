import { Counter, Gauge, type Registry } from 'prom-client';

/** The metrics of the processes that share the work. */
export interface WorkerMetrics {
  /** How many serve now; 1 until it is set, for a program with one process. */
  serving(count: number): void;
  /** One died, and another one replaces it. */
  restarted(): void;
  /** How many did not answer this scrape. */
  unanswered(count: number): void;
  /** This process had an uncaught error. */
  uncaught(): void;
}

/** Adds the metrics to a registry. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  // Only the primary process knows how the workers are.
  const aggregator = 'first';
  const registers = [registry];
  const serving = new Gauge({
    name: 'kube_api_proxy_workers',
    help: 'Processes that serve now.',
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
    help: 'Workers that did not answer this scrape in time; their last known figures stand for them.',
    aggregator,
    registers,
  });
  const uncaught = new Counter({
    name: 'kube_api_proxy_uncaught_exceptions_total',
    help: 'Uncaught errors; each is a bug of the program, and is in the log.',
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
