import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClusterLabel } from './cluster-label.js';
import { Histogram } from './hot-metrics.js';

/** The number of connections to the API server in each state. */
export interface ConnectionCounts {
  readonly idle: number;
  readonly active: number;
  readonly upgraded: number;
}

/** The metrics of connections to the API server. */
export type ConnectionMetrics = ReturnType<typeof createConnectionMetrics>;

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Adds the metrics to a registry. Each scrape calls `connections`, whose keys are the clusters' names. */
export function createConnectionMetrics(
  registry: Registry,
  connections: () => ReadonlyMap<string, ConnectionCounts>,
  clusterLabel: ClusterLabel,
) {
  const registers = [registry];
  new Gauge({
    name: 'kube_api_proxy_upstream_connections',
    help: 'Open connections to the API server: idle, serving a request, or upgraded.',
    labelNames: [...clusterLabel.names, 'state'],
    registers,
    collect() {
      this.reset();
      for (const [cluster, counts] of connections()) {
        const labels = clusterLabel.of(cluster);
        for (const [state, count] of Object.entries(counts)) this.set({ ...labels, state }, count);
      }
    },
  });
  const connectDurations = new Histogram({
    name: 'kube_api_proxy_upstream_connect_duration_seconds',
    help: 'Time to open a connection to the API server: TCP (through a proxy: with its tunnel), then TLS.',
    labelNames: ['phase'],
    buckets: latencyBuckets,
    registry,
  });
  const upgrades = new Counter({
    name: 'kube_api_proxy_upgrades_total',
    help: 'Connections that were switched to another protocol.',
    labelNames: ['protocol'],
    registers,
  });
  for (const protocol of ['websocket', 'spdy', 'other']) upgrades.inc({ protocol }, 0);

  const connectPhase = connectDurations.labels({ phase: 'connect' });
  const tlsPhase = connectDurations.labels({ phase: 'tls' });
  return {
    /**
     * A connection to the API server was opened. The arguments are the milliseconds of the TCP connect (through a proxy: with its tunnel) and
     * of the TLS handshake.
     */
    connected(connect: number, tls: number | undefined) {
      connectPhase.observe(connect / 1000);
      if (tls !== undefined) tlsPhase.observe(tls / 1000);
    },
    /** A connection was switched to this protocol, which the Upgrade field of the 101 names. */
    upgraded: (protocol: string) => upgrades.inc({ protocol: protocolLabel(protocol) }),
  };
}

function protocolLabel(protocol: string): string {
  if (/^websocket$/i.test(protocol)) return 'websocket';
  return /^SPDY\//i.test(protocol) ? 'spdy' : 'other';
}
