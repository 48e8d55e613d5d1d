import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { BatchedCounter } from '../../observability/metrics/hot-metrics.js';
import { type ShareObserver, watchJoins, watchLosses, watchMoves } from './share-observer.js';

/** Adds the metrics to a registry. */
export function createSharedWatchMetrics(registry: Registry): ShareObserver {
  const registers = [registry];
  const watches = new Gauge({
    name: 'kube_api_proxy_shared_watches',
    help: 'Open watches at the API server that clients share, initial streams included.',
    registers,
  });
  const clients = new Gauge({
    name: 'kube_api_proxy_shared_watch_clients',
    help: 'Clients of shared watches now.',
    registers,
  });
  const joins = new Counter({
    name: 'kube_api_proxy_shared_watch_joins_total',
    help: 'Watches of clients, by where their events come from: a shared watch that they opened or joined (ring), an initial stream, or a watch of their own.',
    labelNames: ['how'],
    registers,
  });
  const initialStreams = new Histogram({
    name: 'kube_api_proxy_shared_watch_initial_stream_clients',
    help: 'Streams of initial events (sendInitialEvents) from the API server, by the number of clients that each began with.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    registers,
  });
  const moves = new Counter({
    name: 'kube_api_proxy_shared_watch_moves_total',
    help: 'Clients that have had the initial events, by where they get changes from: a shared watch that was open (ring), or one that their initial stream became (opened).',
    labelNames: ['to'],
    registers,
  });
  const events = new Counter({
    name: 'kube_api_proxy_shared_watch_events_total',
    help: 'Events of shared watches, received from the API server (in) and sent to clients (out).',
    labelNames: ['direction'],
    registers,
    collect() {
      received.flush();
      delivered.flush();
    },
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
  const received = new BatchedCounter(events.labels('in'));
  const delivered = new BatchedCounter(events.labels('out'));
  for (const how of watchJoins) joins.inc({ how }, 0);
  for (const reason of watchLosses) resumptions.inc({ reason }, 0);
  for (const to of watchMoves) moves.inc({ to }, 0);
  return {
    watches: change => watches.inc(change),
    clients: change => clients.inc(change),
    joined: how => joins.inc({ how }),
    initialStream: clients => initialStreams.observe(clients),
    moved: (to, clients) => moves.inc({ to }, clients),
    received: () => received.add(1),
    delivered: events => delivered.add(events),
    resumed: reason => resumptions.inc({ reason }),
    lagged: () => lagged.inc(),
  };
}
