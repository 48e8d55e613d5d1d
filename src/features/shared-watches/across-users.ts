import type { Cluster } from '../../clusters/cluster.js';
import { get } from '../../clusters/own-request.js';
import { hasOneReading } from '../../guard/one-reading.js';
import { fieldValue } from '../../http/header-fields.js';
import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import type { Clock } from '../../lib/clock.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { RecentNames } from '../../lib/recent-names.js';
import { hasWatchPath } from '../../reviews/attributes.js';
import type { LocalApi } from './watch-to-share.js';

const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
/** Names of APIServices: a version and a group, of which clients choose both. */
const pattern = /^[a-z][a-z0-9-]*\.[a-z0-9.-]*$/;
/** Milliseconds that an answer about one APIService may take. */
const timeout = 2_000;
/** For how many milliseconds a yes counts for clients that join, and a no for all. */
const [remembersYes, remembersNo] = [10_000, 60_000];
/** How many APIs are remembered with each answer. */
const most = 1_000;
/**
 * For how many milliseconds an API that is not built in must have been local. Each API server decides by itself where it sends a request, and
 * some may know of a change later than others.
 */
const settled = 60_000;

/**
 * Which APIs of a cluster its API server serves itself: those whose APIService has no service (kube-aggregator). Behind another server, a
 * user may see other bytes than their neighbour. If the proxy may not get APIServices, these are the built-in ones.
 */
export class LocalApis {
  readonly #cluster: Cluster;
  readonly #local: RecentNames;
  readonly #others: RecentNames;
  /** Whether the proxy may not get APIServices. */
  isForbidden = false;

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#local = new RecentNames(clock, remembersYes, most);
    this.#others = new RecentNames(clock, remembersNo, most);
  }

  /** The API of a request; undefined if it is known that another server answers, and for what users never share. */
  of(info: RequestInfo): LocalApi | undefined {
    const { apiGroup: group, apiVersion: version } = info;
    const name = `${version}.${group}`;
    const isSecret = group === '' && info.resource === 'secrets';
    // Authorizers see no selectors on `/watch/` paths.
    if (isSecret || hasWatchPath(info) || !hasOneReading(info)) return undefined;
    if (!pattern.test(name) || this.#others.has(name)) return undefined;
    const isBuiltIn = Object.hasOwn(builtInResources, group === '' ? version : `${group}/${version}`);
    const confirm = () => this.#confirm(name, isBuiltIn);
    return { confirm, isLocal: () => this.#local.has(name) || confirm() };
  }

  /** Finds out whether the proxy may get APIServices. */
  probe(): void {
    this.#confirm('v1.', true);
  }

  async #confirm(name: string, isBuiltIn: boolean): Promise<boolean> {
    const isLocal = await this.#ask(name, isBuiltIn);
    if (isLocal === false) this.#others.add(name);
    else if (isLocal) this.#local.add(name);
    return isLocal ?? false;
  }

  /** Undefined if there is no answer. */
  async #ask(name: string, isBuiltIn: boolean): Promise<boolean | undefined> {
    try {
      const { status, headers, text } = await get(this.#cluster, `${apiServices}/${name}`, { timeout });
      this.isForbidden = status === 403;
      if (status === 403) return isBuiltIn;
      if (status !== 200) return undefined;
      const { spec, metadata } = parseObject(text) ?? {};
      const isLocal = isObject(spec) && (spec['service'] ?? null) === null;
      const now = Date.parse(fieldValue(headers, 'date') ?? '');
      return isLocal && (isBuiltIn || now - lastChange(metadata) >= settled);
    } catch {
      return undefined;
    }
  }
}

/** When an object was made, or changed for the last time, in milliseconds since 1970; NaN if it does not say it. */
function lastChange(metadata: unknown): number {
  const { creationTimestamp, managedFields } = isObject(metadata) ? metadata : ({} as JsonObject);
  const changes = Array.isArray(managedFields) ? managedFields : [];
  return Math.max(...[creationTimestamp, ...changes.map(({ time }) => time)].map(time => Date.parse(time)));
}

const forbidden =
  "--share-watches-across-users: the proxy's identity may not get APIServices (apiregistration.k8s.io), so watches of custom resources are shared within each user alone";

/** Which watches all users share who may watch the same, in each cluster: those of APIs that their API server serves itself, except of Secrets. */
export class AcrossUsers {
  readonly #clock: Clock;
  readonly #ofClusters = new Map<Cluster, LocalApis>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  apisOf(cluster: Cluster): LocalApis {
    let apis = this.#ofClusters.get(cluster);
    if (apis === undefined) {
      apis = new LocalApis(cluster, this.#clock);
      this.#ofClusters.set(cluster, apis);
      cluster.attach({ close: () => this.#ofClusters.delete(cluster), destroy() {} });
      apis.probe();
    }
    return apis;
  }

  warnings(): readonly string[] {
    return [...this.#ofClusters.values()].some(({ isForbidden }) => isForbidden) ? [forbidden] : [];
  }
}
