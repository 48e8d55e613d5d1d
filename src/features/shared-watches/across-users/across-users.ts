import type { Cluster } from '../../../clusters/cluster.js';
import { hasOneReading } from '../../../guard/one-reading.js';
import type { RequestInfo } from '../../../kubernetes/request-info.js';
import type { Clock } from '../../../lib/clock.js';
import { hasWatchPath } from '../../../reviews/attributes.js';
import type { CommonApis } from '../watch-route.js';
import type { LocalApi } from '../watch-to-share.js';
import { LocalApis } from './local-apis.js';

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
