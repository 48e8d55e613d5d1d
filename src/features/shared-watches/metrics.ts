import { Counter, Gauge, type Registry } from 'prom-client';
import { BatchedCounter } from '../../observability/metrics/hot-metrics.js';

/**
 * How a client got its watch: it opened a shared one (`opened`), joined one (`ring`), has an initial stream (`initial`), has its own (`own`), or
 * has its own because it may not join (`refused`).
 */
const watchJoins = ['opened', 'ring', 'initial', 'own', 'refused'] as const;
export type Join = (typeof watchJoins)[number];

/** Why a shared watch had to be opened again: its response ended normally, or broke off. */
const watchLosses = ['ended', 'error'] as const;
export type Loss = (typeof watchLosses)[number];

/** Is told what the metrics of shared watches need. */
export type ShareObserver = ReturnType<typeof createSharedWatchMetrics>;

/** Adds the metrics to a registry. */
export function createSharedWatchMetrics(registry: Registry) {
  const registers = [registry];
  const watches = new Gauge({
    name: 'kube_api_proxy_shared_watches',
    help: 'Open watches at the API server that clients share.',
    registers,
  });
  const clients = new Gauge({
    name: 'kube_api_proxy_shared_watch_clients',
    help: 'Clients of shared watches now.',
    registers,
  });
  const joins = new Counter({
    name: 'kube_api_proxy_shared_watch_joins_total',
    help: 'Watches of clients, by where their events come from: a shared watch that they opened or joined (ring), a stream of their own that begins with all objects (initial), or a watch of their own.',
    labelNames: ['how'],
    registers,
  });
  const moves = new Counter({
    name: 'kube_api_proxy_shared_watch_moves_total',
    help: 'Clients that have had all objects by a stream of their own, and have moved to a shared watch.',
    registers,
  });
  const events = new BatchedCounter({
    name: 'kube_api_proxy_shared_watch_events_total',
    help: 'Events of shared watches, received from the API server (in) and sent to clients (out).',
    labelNames: ['direction'],
    registry,
  });
  const resumptions = new Counter({
    name: 'kube_api_proxy_shared_watch_resumptions_total',
    help: 'Shared watches that were opened again after the API server had ended them (ended) or the connection had failed (error).',
    labelNames: ['reason'],
    registers,
  });
  const lagged = new Counter({
    name: 'kube_api_proxy_shared_watch_lagging_clients_total',
    help: 'Clients of shared watches that were cut off because they read too slowly.',
    registers,
  });
  const received = events.labels({ direction: 'in' });
  const delivered = events.labels({ direction: 'out' });
  for (const how of watchJoins) joins.inc({ how }, 0);
  for (const reason of watchLosses) resumptions.inc({ reason }, 0);
  return {
    /** A shared watch is being opened at the API server (1), or is over (-1). */
    watches: (change: 1 | -1): void => watches.inc(change),
    /** A client has joined a shared watch (1), or left it (-1). */
    clients: (change: 1 | -1): void => clients.inc(change),
    joined: (how: Join): void => joins.inc({ how }),
    /** A client has had the initial events, and moves to a shared watch. */
    moved: (): void => moves.inc(),
    /** An event has come from the API server. */
    received: (): void => received.add(1),
    /** A client was sent this number of events. */
    delivered: (events: number): void => delivered.add(events),
    /** A shared watch continues after a loss. */
    resumed: (loss: Loss): void => resumptions.inc({ reason: loss }),
    /** A client was cut off because it read too slowly. */
    lagged: (): void => lagged.inc(),
  };
}
