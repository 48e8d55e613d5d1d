import type { Cluster } from '../../clusters/cluster.js';
import { get } from '../../clusters/own-request.js';
import { hasOneReading } from '../../guard/one-reading.js';
import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import type { Clock } from '../../lib/clock.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { hasWatchPath } from '../../reviews/attributes.js';
import { FollowedList, type ObjectChange } from '../common/followed-list.js';
import type { CommonApis } from './watch-route.js';
import type { LocalApi } from './watch-to-share.js';

const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
/** Milliseconds that an answer about one APIService may take. */
const timeout = 2_000;
/**
 * For how many milliseconds an API that is not built in must have been local. Each API server decides by itself where it sends a request, and
 * some may know of a change later than others.
 */
const settled = 60_000;

/** What is kept of an APIService. */
interface ApiService {
  readonly isLocal: boolean;
  /** When the proxy saw its last change, on the monotonic clock. */
  readonly since: number;
}

/**
 * Which APIs of a cluster its API server serves itself: those whose APIService has no service (kube-aggregator). Behind another server, a
 * user may see other bytes than their neighbour. If the proxy may not read APIServices, these are the built-in ones.
 */
export class LocalApis {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #services: FollowedList<ApiService>;
  readonly #apis = new Map<string, LocalApi>();
  #onGone: (api: LocalApi) => void = () => {};

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#services = new FollowedList({
      ...{ cluster, clock },
      path: apiServices,
      keep: object => ({ isLocal: isLocal(object), since: clock.monotonic() }),
      changed: change => this.#onChange(change),
    });
    cluster.attach(this.#services);
  }

  follow(): void {
    this.#services.follow();
  }

  /** Sets the callback for APIs that the API server no longer serves itself. */
  whenGone(callback: (api: LocalApi) => void): void {
    this.#onGone = callback;
  }

  /** Whether the proxy may not read APIServices. */
  get isForbidden(): boolean {
    return this.#services.isForbidden;
  }

  /** Undefined if another server may answer, as far as is known now. */
  of({
    apiGroup: group,
    apiVersion: version,
  }: Pick<RequestInfo, 'apiGroup' | 'apiVersion'>): LocalApi | undefined {
    this.follow();
    const isBuiltIn = Object.hasOwn(builtInResources, group === '' ? version : `${group}/${version}`);
    const name = `${version}.${group}`;
    return this.#isLocal(name, isBuiltIn) ? this.#apiOf(name) : undefined;
  }

  #isLocal(name: string, isBuiltIn: boolean): boolean {
    const { isSynced, problem } = this.#services;
    if (!isSynced) return isBuiltIn;
    const service = this.#services.get(name);
    if (service?.isLocal !== true) return false;
    return isBuiltIn || (problem === undefined && this.#clock.monotonic() - service.since >= settled);
  }

  #apiOf(name: string): LocalApi {
    let api = this.#apis.get(name);
    if (api === undefined) {
      api = { confirm: () => this.isForbidden || this.#confirm(name) };
      this.#apis.set(name, api);
    }
    return api;
  }

  /** Asks the API server now. */
  async #confirm(name: string): Promise<boolean> {
    try {
      const { status, text } = await get(this.#cluster, `${apiServices}/${name}`, { timeout });
      return status === 200 && isLocal(parseObject(text) ?? {});
    } catch {
      return false;
    }
  }

  #onChange({ key, after }: ObjectChange<ApiService>): void {
    const api = this.#apis.get(key);
    if (api !== undefined && after?.isLocal !== true) this.#onGone(api);
  }
}

function isLocal({ spec }: JsonObject): boolean {
  return isObject(spec) && (spec['service'] ?? null) === null;
}

const forbidden =
  "--share-watches-across-users: the proxy's identity may not list and watch APIServices (apiregistration.k8s.io), so watches of custom resources are shared within each user alone";

/** Which watches all users share who may watch the same: those of APIs that their API server serves itself, except of Secrets. */
export class AcrossUsers {
  readonly #clock: Clock;
  readonly #ofClusters = new Map<Cluster, LocalApis>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to follow the APIs of a cluster. */
  apisOf(cluster: Cluster): CommonApis {
    const apis = this.#localApis(cluster);
    apis.follow();
    return { of: info => apiOf(apis, info), whenGone: callback => apis.whenGone(callback) };
  }

  #localApis(cluster: Cluster): LocalApis {
    let apis = this.#ofClusters.get(cluster);
    if (apis === undefined) {
      apis = new LocalApis(cluster, this.#clock);
      this.#ofClusters.set(cluster, apis);
      cluster.attach({ close: () => this.#ofClusters.delete(cluster), destroy() {} });
    }
    return apis;
  }

  warnings(): readonly string[] {
    return [...this.#ofClusters.values()].some(({ isForbidden }) => isForbidden) ? [forbidden] : [];
  }
}

/** Authorizers see no selectors on `/watch/` paths. */
function apiOf(apis: LocalApis, info: RequestInfo): LocalApi | undefined {
  const isSecret = info.apiGroup === '' && info.resource === 'secrets';
  return isSecret || hasWatchPath(info) || !hasOneReading(info) ? undefined : apis.of(info);
}
