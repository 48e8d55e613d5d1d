import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createAuthenticationMetrics } from './authentication-metrics.js';
import type { ClusterLabel } from './cluster-label.js';
import { type ConnectionCounts, createConnectionMetrics } from './connection-metrics.js';
import { createCredentialMetrics } from './credential-metrics.js';
import { createRequestMetrics } from './request-metrics.js';

/** The proxy's own metrics. */
export type Metrics = ReturnType<typeof createMetrics>;

/** The metrics of one cluster. */
export type ClusterMetrics = ReturnType<Metrics['ofCluster']>;

/** The parts of the program that the metrics read, and the values of labels. */
export interface MetricsOptions {
  /** The program's version, without a leading `v`. */
  readonly version: string;
  /** Why a guard may reject a request: the values of the label `reason`. */
  readonly rejectionReasons: readonly string[];
  /** What can go wrong on the way to the API server: the values of the label `reason`. */
  readonly upstreamErrorReasons: readonly string[];
  /** Who or what may end a request: the values of the label `reason` of those that have ended. */
  readonly endReasons: readonly string[];
  /** Names of the methods that authenticate callers. */
  readonly authenticationMethods: readonly string[];
  /** Whether samples say which cluster they are about: `withClusterLabel` if there are several. */
  readonly clusterLabel: ClusterLabel;
  /** Called at every scrape. */
  readonly connections: () => ReadonlyMap<string, ConnectionCounts>;
  /** How many lines of the log were dropped; called at every scrape. */
  readonly droppedLines: () => number;
  /** Whether each check of readyz passes; called at every scrape. */
  readonly readiness: () => Promise<ReadonlyMap<string, boolean>>;
}

/**
 * Milliseconds between two samples of the event loop's lag, which are a part of each value. Each sample wakes an idle process: at prom-client's
 * default of 10 ms this takes 3.8 ms of CPU a second, as much as 340 watch events, and at 50 ms 1.0.
 */
const eventLoopMonitoringPrecision = 50;

/**
 * Gauges with the suffix of a counter, which Prometheus' naming rules (promtool check metrics) forbid. Each is the sum, over all types, of the
 * metric of the same name without the suffix.
 */
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** Metrics in a registry of their own. */
export function createMetrics(options: MetricsOptions) {
  const registry = new Registry();
  const registers = [registry];

  // The order of these calls is the order of a scrape.
  const { clusterLabel } = options;
  const requestMetrics = createRequestMetrics(registry, options);
  const rejections = new Counter({
    name: 'kube_api_proxy_rejected_requests_total',
    help: 'Requests that the proxy rejected itself, by the rule that rejected them.',
    labelNames: [...clusterLabel.names, 'reason'],
    registers,
  });
  const upstreamErrors = new Counter({
    name: 'kube_api_proxy_upstream_errors_total',
    help: 'Requests that failed on the way to the API server or back, by what went wrong.',
    labelNames: [...clusterLabel.names, 'reason'],
    registers,
  });
  new Gauge({
    name: 'kube_api_proxy_build_info',
    help: 'Always 1; the versions of the program and of Node.js are in the labels.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version: options.version, node_version: process.versions.node }, 1);
  new Gauge({
    name: 'kube_api_proxy_ready',
    help: 'Result of the last completed run of each check of readyz: 1 if it passed, else 0.',
    labelNames: ['check'],
    registers,
    async collect() {
      for (const [check, passes] of await options.readiness()) this.set({ check }, passes ? 1 : 0);
    },
  });
  const uncaught = new Counter({
    name: 'kube_api_proxy_uncaught_exceptions_total',
    help: 'Uncaught errors. Each is a bug of the program and is logged.',
    registers,
  });
  new Counter({
    name: 'kube_api_proxy_log_dropped_lines_total',
    help: 'Lines that are missing in the log because nobody read it for too long.',
    registers,
    collect() {
      this.reset();
      this.inc(options.droppedLines());
    },
  });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const credentials = createCredentialMetrics(registry, clusterLabel);
  const createOfCluster = (name: string) => {
    const labels = clusterLabel.of(name);
    // Each series starts at 0: rate() and increase() do not see a counter's first appearance.
    for (const reason of options.rejectionReasons) rejections.inc({ ...labels, reason }, 0);
    for (const reason of options.upstreamErrorReasons) upstreamErrors.inc({ ...labels, reason }, 0);
    return {
      /** The cluster's name in logs and recordings; undefined if only one cluster is served, and for requests that go to none. */
      cluster: labels['cluster'] || undefined,
      requestStarted: requestMetrics.ofCluster(name),
      /** A guard rejected a request. */
      rejected: (reason: string) => rejections.inc({ ...labels, reason }),
      /** A request failed on the way to the API server or back. */
      upstreamError: (reason: string) => upstreamErrors.inc({ ...labels, reason }),
      credentials: credentials.ofCluster(name),
    };
  };
  const ofClusters = new Map<string, ReturnType<typeof createOfCluster>>();
  /**
   * The metrics of one cluster's requests and credentials. They are the same for a cluster that comes again.
   *
   * @param name A context's name; empty for requests that go to no API server.
   */
  const ofCluster = (name: string) => {
    const key = clusterLabel.of(name)['cluster'] ?? '';
    const made = ofClusters.get(key) ?? createOfCluster(key);
    ofClusters.set(key, made);
    return made;
  };
  const nowhere = clusterLabel.of('');

  return {
    ofCluster,
    /** Forgets clusters that are gone for good, but for samples of prom-client. No request to them may be open any longer. */
    forget(clusters: ReadonlySet<string>): void {
      for (const cluster of clusters) ofClusters.delete(cluster);
      requestMetrics.forget(clusters);
    },
    /** A request was rejected before its cluster was known. */
    rejected: (reason: string) => rejections.inc({ ...nowhere, reason }),
    /** Milliseconds from sending a request to the first byte of its answer, for requests of the proxy's own. */
    firstByte: requestMetrics.firstByte,
    reloaded: credentials.reloaded,
    authentication: createAuthenticationMetrics(registry, options.authenticationMethods),
    connections: createConnectionMetrics(registry, options.connections, clusterLabel),
    /** The process had an uncaught error. */
    uncaught: () => uncaught.inc(),
    /** All metrics, in the order of a scrape. It writes them in Prometheus' text format 0.0.4. */
    registry,
  };
}
