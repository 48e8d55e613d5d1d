import { Counter, Gauge, type Registry } from 'prom-client';
import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { RequestInfo, Scope } from '../../kubernetes/request-info.js';
import type { ClusterLabel } from './cluster-label.js';
import { BatchedCounter, Histogram } from './hot-metrics.js';

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

/** The label value for everything unknown. */
const other = 'other';

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

/** How many resources and subresources can be learnt. All further ones are `other`. */
const mostLearnt = 1_000;
// In Kubernetes, names of groups, versions, resources and subresources are DNS labels and subdomains.
const legalName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * The resources and subresources that exist, for labels. Kubernetes' own are known from the start, others once the API server has answered
 * a request for them with success: names that a client made up get 403 or 404. A resource is never forgotten, so the number of resources,
 * and of metric series made from them, has an upper limit.
 */
export class KnownResources {
  readonly #known = new Set<string>();
  #learnt = 0;

  constructor() {
    for (const [groupVersion, resources] of Object.entries(builtInResources)) {
      const [apiVersion = '', apiGroup = ''] = groupVersion.split('/').reverse();
      for (const entry of resources.split(/\s+/)) {
        const [resource = '', subresources = ''] = entry.split('/');
        for (const subresource of ['', ...subresources.split(',')]) {
          this.#known.add(keyOf({ apiGroup, apiVersion, resource, subresource }));
        }
      }
    }
  }

  has(info: ResourceNames): boolean {
    return this.#known.has(keyOf(info));
  }

  /** The API server has answered this resource request with success. */
  learn(info: ResourceNames): void {
    if (this.#learnt >= mostLearnt || this.has(info)) return;
    const { apiGroup, apiVersion, resource, subresource } = info;
    const names = [apiVersion, resource, ...[apiGroup, subresource].filter(name => name !== '')];
    if (!names.every(name => name !== other && legalName.test(name))) return;
    this.#learnt += 1;
    this.#known.add(keyOf(info));
  }
}

type ResourceNames = Pick<RequestInfo, 'apiGroup' | 'apiVersion' | 'resource' | 'subresource'>;

/** No name contains a slash. */
function keyOf({ apiGroup, apiVersion, resource, subresource }: ResourceNames): string {
  return `${apiGroup}/${apiVersion}/${resource}/${subresource}`;
}

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
    const made = new Map<string, ReturnType<typeof createSeries>>();
    /** All requests with the same labels share one series, so that only the first one allocates. */
    const seriesOf = (info: RequestInfo) => {
      const verb = verbOf(info);
      const own = `${verb} ${info.scope} ${keyOf(info)}`;
      const known = made.get(own);
      if (known !== undefined) return known;
      const isKnown = !info.isResourceRequest || resources.has(info);
      const key = isKnown ? own : `${verb} ${info.scope}`;
      const series = made.get(key) ?? createSeries(labelsOf(verb, info, isKnown), cluster);
      made.set(key, series);
      return series;
    };
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
