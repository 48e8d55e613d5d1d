import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type KnownResources, other } from '../../kubernetes/known-resources.js';
import { isLongRunning, type RequestInfo } from '../../kubernetes/request-info.js';
import { type AuditMetrics, createAuditMetrics } from './audit-metrics.js';
import { type AuthenticationMetrics, createAuthenticationMetrics } from './authentication-metrics.js';
import { Tally } from './batched-counter.js';
import { type CredentialMetrics, createCredentialMetrics } from './credential-metrics.js';
import { replaceEventLoopLag, unread } from './event-loop-lag.js';
import { Histogram } from './histogram.js';
import { createListenerMetrics, type ListenerMetrics } from './listener-metrics.js';
import { openMetricsType, textType, toOpenMetrics } from './openmetrics.js';
import { createRequestLabels, requestLabelNames } from './request-labels.js';
import { type ConnectionCounts, createTrafficMetrics, type TrafficMetrics } from './traffic-metrics.js';
import { createWorkerMetrics, type WorkerMetrics } from './worker-metrics.js';

/** One request that is being served. */
export interface RequestMetrics {
  /** Whether the API server would call the request long-running. */
  readonly longRunning: boolean;
  /**
   * The request is over; later calls do nothing.
   *
   * @param code HTTP status code of the answer; 0 when there was none, as when the client left.
   * @param seconds Since the request came; observed unless the request is long-running.
   */
  finished(code: number, seconds: number): void;
}

/** What a scrape is answered with. */
export interface Exposition {
  /** Everything, as an Accept header wants it: OpenMetrics 1.0 if it is asked for, else Prometheus' text format 0.0.4. */
  render(accept: string): Promise<Rendered>;
}

/** The proxy's own metrics. */
export interface Metrics extends Exposition {
  requestStarted(info: RequestInfo): RequestMetrics;
  /** A guard did not let a request pass. */
  rejected(reason: string): void;
  /** A request failed on the way to the API server or back. */
  upstreamError(reason: string): void;
  /** Credentials and the configuration they come from. */
  readonly credentials: CredentialMetrics;
  /** The audit log. */
  readonly audit: AuditMetrics;
  /** The TLS listener. */
  readonly listener: ListenerMetrics;
  /** Who callers are. */
  readonly authentication: AuthenticationMetrics;
  /** Bytes and upstream connections. */
  readonly traffic: TrafficMetrics;
  /** The processes that share the work. */
  readonly workers: WorkerMetrics;
  /** What this process counted and measured, to be added to that of others. */
  snapshot(): Promise<Snapshot>;
  /** What there is, in the order of a scrape. */
  descriptions(): MetricDescription[];
}

/** Places of requests that are taken now, and how many users something is remembered of. */
export interface SharesInUse {
  readonly inflight: number;
  readonly longrunning: number;
  readonly users: number;
}

/** A metric without its samples. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** The metrics of one process with their samples, as prom-client's registries give them. */
export type Snapshot = readonly SampledMetric[];

interface SampledMetric {
  readonly name: string;
  readonly type: string;
}

/** A scrape's answer. */
export interface Rendered {
  readonly contentType: string;
  readonly text: string;
}

// apiserver_request_duration_seconds has these.
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

// Gauges with a counter's suffix, which Prometheus' naming rules (promtool check metrics) forbid; each is the sum of the
// metric of the same name without the suffix, by type.
const misnamedDefaultMetrics = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** What metrics are made with. */
export interface MetricsOptions {
  /** The program's version and Node's, without a leading `v`. */
  readonly version: string;
  readonly nodeVersion: string;
  /** Why a guard may not let a request pass: the values of a label. */
  readonly rejectionReasons: readonly string[];
  /** What can go wrong on the way to the API server: the values of a label. */
  readonly upstreamErrorReasons: readonly string[];
  readonly knownResources: Pick<KnownResources, 'find' | 'refreshSoon'>;
  /** Asked at every scrape. */
  readonly connections: () => ConnectionCounts;
  /** Asked at every scrape. */
  readonly shares: () => SharesInUse;
  /** Whether each check of readyz passes; asked at every scrape. */
  readonly readiness: () => Promise<ReadonlyMap<string, boolean>>;
}

/** Metrics in a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const ended: Tally[] = [];
  const requests = new Counter({
    name: 'kube_api_proxy_requests_total',
    help: 'Requests that ended, by what they asked of the API server and the HTTP status code of the answer; code 0 is no answer.',
    labelNames: [...requestLabelNames, 'code'],
    registers,
    collect() {
      for (const tally of ended) tally.hand();
    },
  });
  const durations = new Histogram({
    name: 'kube_api_proxy_request_duration_seconds',
    help: 'Time from the request to the end of its answer; long-running requests (watch, exec, logs, …) are not in it.',
    labelNames: requestLabelNames,
    buckets: durationBuckets,
    registry,
  });
  const longRunning = new Gauge({
    name: 'kube_api_proxy_longrunning_requests',
    help: 'Long-running requests (watch, exec, logs, …) that are open now.',
    labelNames: requestLabelNames,
    registers,
  });
  let inflight = 0;
  new Gauge({
    name: 'kube_api_proxy_inflight_requests',
    help: 'Requests that are being served now, long-running ones not counted.',
    registers,
    collect() {
      this.set(inflight);
    },
  });
  new Gauge({
    name: 'kube_api_proxy_places_in_use',
    help: 'Requests that count towards --max-requests-inflight and --max-longrunning-requests now; refused ones never do.',
    labelNames: ['kind'],
    registers,
    collect() {
      const { inflight: plain, longrunning } = options.shares();
      this.set({ kind: 'inflight' }, plain);
      this.set({ kind: 'longrunning' }, longrunning);
    },
  });
  new Gauge({
    name: 'kube_api_proxy_users',
    help: 'Users with requests or with a rate that count towards a limit of their own now; 0 without such limits.',
    registers,
    collect() {
      this.set(options.shares().users);
    },
  });
  const rejections = new Counter({
    name: 'kube_api_proxy_rejected_requests_total',
    help: 'Requests that the proxy refused by itself, by the rule that refused them.',
    labelNames: ['reason'],
    registers,
  });
  const upstreamErrors = new Counter({
    name: 'kube_api_proxy_upstream_errors_total',
    help: 'Requests that failed on the way to the API server or back, by what went wrong.',
    labelNames: ['reason'],
    registers,
  });
  new Gauge({
    name: 'kube_api_proxy_build_info',
    help: 'Always 1; the versions of the program and of Node.js are in the labels.',
    labelNames: ['version', 'node_version'],
    aggregator: 'first',
    registers,
  }).set({ version: options.version, node_version: options.nodeVersion }, 1);

  new Gauge({
    name: 'kube_api_proxy_ready',
    help: 'Result of the last completed run of a check of readyz: 1 if it passed, else 0.',
    labelNames: ['check'],
    aggregator: 'first',
    registers,
    async collect() {
      for (const [check, passes] of await options.readiness()) this.set({ check }, passes ? 1 : 0);
    },
  });

  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: unread });
  for (const name of misnamedDefaultMetrics) registry.removeSingleMetric(name);
  replaceEventLoopLag(registry);
  for (const metric of registry.getMetricsAsArray()) {
    // prom-client leaves it out of a sum; that of the process which holds the workers stands for all.
    if (metric.name === 'process_start_time_seconds') metric.aggregator = 'first';
    // An average hides one process that is stuck among others that are idle.
    if (metric.aggregator === 'average') metric.aggregator = 'max';
  }

  // At 0 from the start: rate() and increase() do not see a counter's first appearance.
  for (const reason of options.rejectionReasons) rejections.inc({ reason }, 0);
  for (const reason of options.upstreamErrorReasons) upstreamErrors.inc({ reason }, 0);

  const series = createRequestLabels(options.knownResources, labels => {
    const byCode = new Map<number, Tally>();
    return {
      duration: durations.labels(labels),
      longRunning: longRunning.labels(labels),
      ended(code: number): void {
        const valid = code === 0 || (Number.isInteger(code) && code >= 100 && code <= 599);
        const key = valid ? code : -1;
        let tally = byCode.get(key);
        if (tally === undefined) {
          tally = new Tally(requests.labels({ ...labels, code: valid ? String(code) : other }));
          byCode.set(key, tally);
          ended.push(tally);
        }
        tally.add(1);
      },
    };
  });

  return {
    requestStarted(info) {
      const labelled = series(info);
      const lasting = isLongRunning(info);
      let over = false;
      if (lasting) labelled.longRunning.inc();
      else inflight += 1;
      return {
        longRunning: lasting,
        finished(code, seconds) {
          if (over) return;
          over = true;
          labelled.ended(code);
          if (lasting) labelled.longRunning.dec();
          else {
            inflight -= 1;
            labelled.duration.observe(seconds);
          }
        },
      };
    },
    rejected: reason => rejections.inc({ reason }),
    upstreamError: reason => upstreamErrors.inc({ reason }),
    credentials: createCredentialMetrics(registry),
    audit: createAuditMetrics(registry),
    listener: createListenerMetrics(registry),
    authentication: createAuthenticationMetrics(registry),
    traffic: createTrafficMetrics(registry, options.connections),
    descriptions: () => registry.getMetricsAsArray().map(describeMetric),
    workers: createWorkerMetrics(registry),
    snapshot: async () => (await registry.getMetricsAsJSON()) as unknown as Snapshot,
    render: async accept => inFormat(await registry.metrics(), accept),
  };
}

/**
 * Several processes' metrics as one, each by its aggregator: the sum unless it says otherwise, and where that is `first` the
 * value of the first snapshot that has it.
 */
export async function renderSum(snapshots: readonly Snapshot[], accept: string): Promise<Rendered> {
  return inFormat(await AggregatorRegistry.aggregate([...snapshots]).metrics(), accept);
}

/** What stays of processes that have ended: their counters and histograms, added up. */
export function addCounters(snapshots: readonly Snapshot[]): Snapshot {
  const counters = snapshots.map(metrics =>
    metrics.filter(({ type }) => type === 'counter' || type === 'histogram'),
  );
  return AggregatorRegistry.aggregate(counters).getMetricsAsArray() as unknown as Snapshot;
}

function inFormat(text: string, accept: string): Rendered {
  return accept.includes('application/openmetrics-text')
    ? { contentType: openMetricsType, text: toOpenMetrics(text) }
    : { contentType: textType, text };
}

/** prom-client's types leave out what its metrics are made with. */
function describeMetric(metric: object): MetricDescription {
  const { name, help, labelNames } = metric as MetricDescription;
  return { name, help, labelNames, type: metric.constructor.name.toLowerCase() };
}
