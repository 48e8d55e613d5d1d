import type { Cluster } from '../../clusters/cluster.js';
import type { Route } from '../../proxy/route.js';
import type { OpenRequest, Operation } from '../../request/context.js';
import { isConstrained } from '../../reviews/impersonation-reviews.js';
import { AccessTrip } from './access-question.js';
import { FilteredCluster } from './filtered-cluster.js';
import { FilteredTrip } from './filtered-trip.js';
import type { FilterParts } from './questions.js';

const paths: ReadonlySet<string> = new Set(['/api/v1/namespaces', '/api/v1/watch/namespaces']);
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

const note = 'if you may not do this, --filter-namespaces shows you those that you may get';

/** Takes lists and watches of all namespaces, and shows users who may not list them those that they may get. */
export class NamespaceRoute implements Route {
  readonly #parts: FilterParts;
  readonly #ofClusters = new WeakMap<Cluster, FilteredCluster>();

  constructor(parts: FilterParts) {
    this.#parts = parts;
  }

  /** What is known of a cluster. From now on, it is followed. */
  of(cluster: Cluster): FilteredCluster {
    let filtered = this.#ofClusters.get(cluster);
    if (filtered === undefined) {
      filtered = new FilteredCluster(cluster, this.#parts);
      this.#ofClusters.set(cluster, filtered);
      cluster.attach(filtered);
    }
    return filtered;
  }

  noteOn(operation: Operation): string | undefined {
    return isAboutNamespaces(operation) ? note : undefined;
  }

  readonly take: Route['take'] = (request, own, sink, onward) => {
    const { impersonation: as } = own;
    // Without callers, everyone has the rights of the gateway.
    if (as === undefined || as === 'configured' || actsForSingleVerbs(request)) return undefined;
    const parts = { request, own, as, sink, onward, route: this };
    if (isAccessReview(request))
      return new AccessTrip({ ...parts, filtered: this.of(request.cluster) }).start();
    if (!isAboutNamespaces(request)) return undefined;
    return new FilteredTrip({ ...parts, filtered: this.of(request.cluster) }, this.#parts.observer).start();
  };

  readonly takeUpgrade: NonNullable<Route['takeUpgrade']> = (request, own, sink, onward) => {
    const { impersonation: as } = own;
    const isWatch = request.record.info.verb === 'watch' && /^websocket$/i.test(request.head.upgradeProtocol);
    if (as === undefined || as === 'configured' || actsForSingleVerbs(request)) return undefined;
    if (!isWatch || !isAboutNamespaces(request)) return undefined;
    const parts = { request, own, as, sink, onward, route: this, filtered: this.of(request.cluster) };
    return new FilteredTrip(parts, this.#parts.observer).start();
  };
}

/** Whether a caller may act as the user for a list, and perhaps not to get one namespace: then nothing is shown but what the API server shows. */
function actsForSingleVerbs({ impersonated }: OpenRequest): boolean {
  return impersonated !== undefined && isConstrained(impersonated.by);
}

/** Whether a request asks what its user may do. */
function isAccessReview({ head, path }: OpenRequest): boolean {
  return head.method === 'POST' && path.api === reviews;
}

/** Whether a request is a list or a watch of all namespaces. */
function isAboutNamespaces({ head, path }: Operation): boolean {
  const { verb } = path.info;
  const isRead = head.method === 'GET' && !head.hasBody && paths.has(path.api ?? '');
  return isRead && (verb === 'list' || verb === 'watch');
}
