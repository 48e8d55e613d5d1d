import { Counter, Gauge, type Registry } from 'prom-client';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import type { ClusterLabel } from './cluster-label.js';
import { BatchedCounter, Histogram, type Observer, type Sum } from './hot-metrics.js';
import { KnownResources, other } from './known-resources.js';

/** What the metrics read of a request that the API server has answered, or that has ended. */
export interface ServedRequest {
  readonly info: RequestInfo;
  /** HTTP status code of the answer; 0 if there was none, for example because the client left. */
  readonly code: number;
  /** Whether the connection was to be switched to another protocol. */
  readonly isUpgrade: boolean;
  /** Milliseconds from sending the request to the first byte of its answer; undefined if there was none, or if it was observed. */
  readonly firstByteAfter: number | undefined;
  /** Whether the API server has answered with success, so that the resource exists. */
  readonly hasSucceeded: boolean;
  /** Who or what ended it: one of the reasons that the metrics were made with. */
  readonly endedBy: string | undefined;
  /** Whether the proxy itself has ended it. */
  readonly isRevoked: boolean;
}

/** The requests of one cluster that have the same labels. */
export interface RequestSeries {
  /** A long-running request was answered. If its resource was unknown, requests that come later have its labels. */
  opened(request: ServedRequest): void;
  /**
   * A request has ended. Its time and its first byte are observed now, unless it is long-running.
   *
   * @param seconds Time since the request came.
   * @param received Bytes from the client, including heads and framing.
   * @param sent Bytes to the client, in the same way.
   */
  ended(request: ServedRequest, seconds: number, received: number, sent: number): void;
}

// The buckets of apiserver_request_duration_seconds.
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** The labels that describe a request; each has a bounded set of values. */
const requestLabelNames = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const;
type RequestLabels = Readonly<Record<(typeof requestLabelNames)[number], string>>;

const resourceVerbs: ReadonlySet<string> = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
]);
const methods: ReadonlySet<string> = new Set(['get', 'head', 'post', 'put', 'patch', 'delete', 'options']);

/** A request has come. Returns its series, whose `ended` has to be called once for it. */
export type StartRequest = (info: RequestInfo) => RequestSeries;

/** Adds the metrics of requests to a registry. */
export function createRequestMetrics(
  registry: Registry,
  {
    clusterLabel,
    endReasons,
  }: { readonly clusterLabel: ClusterLabel; readonly endReasons: readonly string[] },
) {
  const registers = [registry];
  const labelNames = [...clusterLabel.names, ...requestLabelNames];
  const requests = new BatchedCounter({
    name: 'kube_api_proxy_requests_total',
    help: 'Requests that ended, by what they asked for and the HTTP status code of the answer; code 0 means no answer.',
    labelNames: [...labelNames, 'code'],
    registry,
  });
  const durations = new Histogram({
    name: 'kube_api_proxy_request_duration_seconds',
    help: 'Time from the request to the end of its answer, without long-running requests (watch, exec, logs, …).',
    labelNames,
    buckets: durationBuckets,
    registry,
  });
  const longRunning = new Gauge({
    name: 'kube_api_proxy_longrunning_requests',
    help: 'Long-running requests (watch, exec, logs, …) that are open now.',
    labelNames,
    registers,
  });
  let inflight = 0;
  new Gauge({
    name: 'kube_api_proxy_inflight_requests',
    help: 'Requests that are being served now, without long-running ones.',
    registers,
    collect() {
      this.set(inflight);
    },
  });

  const received = new BatchedCounter({
    name: 'kube_api_proxy_request_bytes_total',
    help: 'Bytes received from clients, including heads and framing; counted when a request ends.',
    labelNames: ['leg'],
    registry,
  });
  const sent = new BatchedCounter({
    name: 'kube_api_proxy_response_bytes_total',
    help: 'Bytes sent to clients, including heads and framing; counted when a request ends.',
    labelNames: ['leg'],
    registry,
  });
  const firstBytes = new Histogram({
    name: 'kube_api_proxy_upstream_first_byte_duration_seconds',
    help: 'Time from sending a request to the first byte of its answer.',
    buckets: durationBuckets,
    registry,
  }).labels({});
  const ends = new Counter({
    name: 'kube_api_proxy_longrunning_requests_ended_total',
    help: 'Long-running requests that ended after a successful answer, by who ended them; and all requests that the proxy itself ended.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of endReasons) ends.inc({ reason }, 0);
  const bytesOf = (leg: string) => ({ received: received.labels({ leg }), sent: sent.labels({ leg }) });
  const plain = bytesOf('plain');
  const upgrade = bytesOf('upgrade');

  /** Milliseconds from sending a request to the first byte of its answer. */
  const firstByte = (milliseconds: number) => firstBytes.observe(milliseconds / 1000);

  /** @param unknown The resources among which that of a request may become known; undefined if it is known. */
  const createSeries = (
    requestLabels: RequestLabels,
    cluster: string,
    unknown: KnownResources | undefined,
  ): RequestSeries & { started(isLong: boolean): void } => {
    const labels = { ...clusterLabel.of(cluster), ...requestLabels };
    const duration: Observer = durations.labels(labels);
    const open = longRunning.labels(labels);
    const byCode = new Map<number, Sum>();
    const counterOf = (code: number): Sum => {
      const valid = code === 0 || (Number.isInteger(code) && code >= 100 && code <= 599);
      const key = valid ? code : -1;
      let counter = byCode.get(key);
      if (counter === undefined) {
        counter = requests.labels({ ...labels, code: valid ? String(code) : other });
        byCode.set(key, counter);
      }
      return counter;
    };
    const opened = ({ info, firstByteAfter, hasSucceeded }: ServedRequest): void => {
      if (hasSucceeded) unknown?.learn(info);
      if (firstByteAfter !== undefined) firstBytes.observe(firstByteAfter / 1000);
    };
    return {
      started(isLong) {
        if (isLong) open.inc();
        else inflight += 1;
      },
      opened,
      ended(request, seconds, bytesReceived, bytesSent) {
        const { info, code, isUpgrade, endedBy = 'error', isRevoked } = request;
        const leg = isUpgrade ? upgrade : plain;
        const counter = counterOf(code);
        opened(request);
        counter.add(1);
        if (info.isLongRunning) {
          open.dec();
        } else {
          inflight -= 1;
          duration.observe(seconds);
        }
        // A refusal is no stream that may end.
        if ((info.isLongRunning && isSuccess(code)) || isRevoked) ends.inc({ reason: endedBy });
        leg.received.add(bytesReceived);
        leg.sent.add(bytesSent);
      },
    };
  };

  const ofCluster = (cluster: string): StartRequest => {
    const resources = new KnownResources();
    const made = new Map<string, ReturnType<typeof createSeries>>();
    /** All requests with the same labels share one series, so that only the first one allocates. */
    const seriesOf = (info: RequestInfo) => {
      const verb = verbOf(info);
      const { scope, apiGroup, apiVersion, resource, subresource } = info;
      const exact = `${verb} ${scope} ${apiGroup}/${apiVersion}/${resource}/${subresource}`;
      const known = made.get(exact);
      if (known !== undefined) return known;
      const isKnown = !info.isResourceRequest || resources.has(info);
      const key = isKnown ? exact : `${verb} ${scope}`;
      const unknown = isKnown ? undefined : resources;
      const series = made.get(key) ?? createSeries(labelsOf(verb, info, isKnown), cluster, unknown);
      made.set(key, series);
      return series;
    };
    return info => {
      const series = seriesOf(info);
      series.started(info.isLongRunning);
      return series;
    };
  };
  /** As that of all metrics, for those that prom-client does not add up itself. */
  const forget = (clusters: ReadonlySet<string>) => {
    const isOf = ({ cluster = '' }: Readonly<Record<string, string>>) => clusters.has(cluster);
    requests.forget(isOf);
    durations.forget(isOf);
  };
  return { ofCluster, firstByte, forget };
}

/** Whether what a request is about exists: 2xx, or 101 for an upgrade. For names that a client made up, the API server answers 403 or 404. */
export function isSuccess(code: number): boolean {
  return code === 101 || (code >= 200 && code < 300);
}

/**
 * The verb is that of RequestInfo; it is `connect` for exec, attach, portforward and proxy, and the lower-case method for non-resource
 * paths.
 */
function verbOf({ isResourceRequest, isConnect, verb }: RequestInfo): string {
  if (isConnect) return 'connect';
  return (isResourceRequest ? resourceVerbs : methods).has(verb) ? verb : other;
}

function labelsOf(verb: string, info: RequestInfo, isKnown: boolean): RequestLabels {
  const { scope, apiGroup: group, apiVersion: version, resource, subresource } = info;
  if (isKnown) return { verb, group, version, resource, subresource, scope };
  return { verb, group: other, version: other, resource: other, subresource: other, scope };
}
