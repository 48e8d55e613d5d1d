import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClusterLabel } from './cluster-label.js';
import { BatchedCounter, Histogram } from './hot-metrics.js';

/** A request and its answer, or a connection that was switched to another protocol. */
type Leg = 'plain' | 'upgrade';

/** Who ended a long-running request. */
export const endReasons = ['client', 'upstream', 'shutdown', 'error'] as const;
export type EndReason = (typeof endReasons)[number];

/** The number of connections to the API server in each state. */
export interface ConnectionCounts {
  readonly idle: number;
  readonly active: number;
  readonly upgraded: number;
}

/** The metrics of bytes and of connections to the API server. */
export type TrafficMetrics = ReturnType<typeof createTrafficMetrics>;

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const firstByteBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** Adds the metrics to a registry. Each scrape calls `connections`, whose keys are the clusters' names. */
export function createTrafficMetrics(
  registry: Registry,
  connections: () => ReadonlyMap<string, ConnectionCounts>,
  clusterLabel: ClusterLabel,
) {
  const registers = [registry];
  const received = new Counter({
    name: 'kube_api_proxy_request_bytes_total',
    help: 'Bytes received from clients, including heads and framing; counted when a request ends.',
    labelNames: ['leg'],
    registers,
    collect() {
      legs.plain.received.flush();
      legs.upgrade.received.flush();
    },
  });
  const sent = new Counter({
    name: 'kube_api_proxy_response_bytes_total',
    help: 'Bytes sent to clients, including heads and framing; counted when a request ends.',
    labelNames: ['leg'],
    registers,
    collect() {
      legs.plain.sent.flush();
      legs.upgrade.sent.flush();
    },
  });
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
  const firstBytes = new Histogram({
    name: 'kube_api_proxy_upstream_first_byte_duration_seconds',
    help: 'Time from sending a request to the first byte of its answer.',
    buckets: firstByteBuckets,
    registry,
  }).labels({});
  const ended = new Counter({
    name: 'kube_api_proxy_longrunning_requests_ended_total',
    help: 'Long-running requests that ended after a successful answer, by who ended them.',
    labelNames: ['reason'],
    registers,
  });
  const upgrades = new Counter({
    name: 'kube_api_proxy_upgrades_total',
    help: 'Connections that were switched to another protocol.',
    labelNames: ['protocol'],
    registers,
  });
  for (const reason of endReasons) ended.inc({ reason }, 0);
  for (const protocol of ['websocket', 'spdy', 'other']) upgrades.inc({ protocol }, 0);

  const legs = {
    plain: {
      received: new BatchedCounter(received.labels('plain')),
      sent: new BatchedCounter(sent.labels('plain')),
    },
    upgrade: {
      received: new BatchedCounter(received.labels('upgrade')),
      sent: new BatchedCounter(sent.labels('upgrade')),
    },
  };
  const connectPhase = connectDurations.labels({ phase: 'connect' });
  const tlsPhase = connectDurations.labels({ phase: 'tls' });
  return {
    /** Bytes from and to a client, including heads and framing; counted when the request ends. */
    transferred(leg: Leg, bytesReceived: number, bytesSent: number) {
      legs[leg].received.add(bytesReceived);
      legs[leg].sent.add(bytesSent);
    },
    /**
     * A connection to the API server was opened. The arguments are the milliseconds of the TCP connect (through a proxy: with its tunnel) and
     * of the TLS handshake.
     */
    connected(connect: number, tls: number | undefined) {
      connectPhase.observe(connect / 1000);
      if (tls !== undefined) tlsPhase.observe(tls / 1000);
    },
    /** Milliseconds from sending a request to the first byte of its answer. */
    firstByte: (duration: number) => firstBytes.observe(duration / 1000),
    longRunningEnded: (reason: EndReason) => ended.inc({ reason }),
    /** A connection was switched to this protocol, which the Upgrade field of the 101 names. */
    upgraded: (protocol: string) => upgrades.inc({ protocol: protocolLabel(protocol) }),
  };
}

function protocolLabel(protocol: string): string {
  if (/^websocket$/i.test(protocol)) return 'websocket';
  return /^SPDY\//i.test(protocol) ? 'spdy' : 'other';
}
