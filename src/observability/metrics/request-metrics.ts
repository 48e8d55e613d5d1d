import { Counter, Gauge, type Registry } from 'prom-client';
import type { RequestInfo, Scope } from '../../kubernetes/request-info.js';
import type { ClusterLabel } from './cluster-label.js';
import { BatchedCounter, Histogram } from './hot-metrics.js';
import { type KnownResource, KnownResources, other } from './known-resources.js';

/** One request that is being served. */
export interface RequestMetrics {
  /** The API server has answered with success. If its resource was unknown, requests that come later have its labels. */
  succeeded(): void;
  /**
   * The request has ended. Later calls do nothing.
   *
   * @param code HTTP status code of the answer; 0 if there was none, for example because the client left.
   * @param seconds Time since the request came; not observed if the request is long-running.
   */
  finished(code: number, seconds: number): void;
}

// The buckets of apiserver_request_duration_seconds.
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** The labels that describe a request; each has a bounded set of values. */
interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: Scope;
}

const requestLabelNames = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const;

const scopes: readonly Scope[] = ['', 'cluster', 'namespace', 'resource'];
const resourceVerbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'connect',
];
const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const resourceVerbIndex: ReadonlyMap<string, number> = new Map(
  resourceVerbs.map((verb, index) => [verb, index]),
);
const methodIndex: ReadonlyMap<string, number> = new Map(methods.map((method, index) => [method, index]));

const nonResource: KnownResource = { group: '', version: '', resource: '', subresource: '', known: true };

/** Begins the metrics of one request. */
export type StartRequest = (info: RequestInfo) => RequestMetrics;

/** Adds the metrics of requests to a registry. The returned function makes the `StartRequest` of one cluster. */
export function createRequestMetrics(
  registry: Registry,
  clusterLabel: ClusterLabel,
): (cluster: string) => StartRequest {
  const registers = [registry];
  const labelNames = [...clusterLabel.names, ...requestLabelNames];
  const counters: BatchedCounter[] = [];
  const requests = new Counter({
    name: 'kube_api_proxy_requests_total',
    help: 'Requests that ended, by what they asked for and the HTTP status code of the answer; code 0 means no answer.',
    labelNames: [...labelNames, 'code'],
    registers,
    collect() {
      for (const counter of counters) counter.flush();
    },
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

  const createSeries = (requestLabels: RequestLabels, cluster: string) => {
    const labels = { ...clusterLabel.of(cluster), ...requestLabels };
    const byCode = new Map<number, BatchedCounter>();
    return {
      duration: durations.labels(labels),
      longRunning: longRunning.labels(labels),
      ended(code: number): void {
        const valid = code === 0 || (Number.isInteger(code) && code >= 100 && code <= 599);
        const key = valid ? code : -1;
        let counter = byCode.get(key);
        if (counter === undefined) {
          counter = new BatchedCounter(requests.labels({ ...labels, code: valid ? String(code) : other }));
          byCode.set(key, counter);
          counters.push(counter);
        }
        counter.add(1);
      },
    };
  };

  return cluster => {
    const resources = new KnownResources();
    const seriesOf = createRequestLabels(resources, labels => createSeries(labels, cluster));
    return info => {
      const labelled = seriesOf(info);
      const lasting = info.isLongRunning;
      let over = false;
      if (lasting) labelled.longRunning.inc();
      else inflight += 1;
      return {
        succeeded() {
          if (info.isResourceRequest) resources.learn(info);
        },
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
    };
  };
}

/**
 * Returns what `create` has made for a request's labels. All requests with the same labels share one result, so that only the first one
 * allocates. The verb is that of RequestInfo; it is `connect` for exec, attach, portforward and proxy, and the lower-case method for
 * non-resource paths. Each unknown field is `other`.
 */
function createRequestLabels<T>(
  knownResources: KnownResources,
  create: (labels: RequestLabels) => T,
): (info: RequestInfo) => T {
  const cache = new Map<KnownResource, T[]>();

  return info => {
    const resource = info.isResourceRequest ? knownResources.find(info) : nonResource;
    const verb = verbIndex(info);
    const { scope } = info;
    const index = (verb + 1) * scopes.length + scopes.indexOf(scope);
    let made = cache.get(resource);
    if (made === undefined) {
      made = [];
      cache.set(resource, made);
    }
    let result = made[index];
    if (result === undefined) {
      result = create({
        verb: (info.isResourceRequest ? resourceVerbs : methods)[verb] ?? other,
        group: resource.group,
        version: resource.version,
        resource: resource.resource,
        subresource: resource.subresource,
        scope,
      });
      made[index] = result;
    }
    return result;
  };
}

function verbIndex(info: RequestInfo): number {
  if (!info.isResourceRequest) return methodIndex.get(info.verb) ?? -1;
  return resourceVerbIndex.get(info.isConnect ? 'connect' : info.verb) ?? -1;
}
