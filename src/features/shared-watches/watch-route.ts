import type { Cluster } from '../../clusters/cluster.js';
import type { RawHeaders } from '../../http/header-fields.js';
import { queryValue } from '../../kubernetes/query.js';
import { saysWho } from '../../proxy/headers.js';
import type { Recheck, Route } from '../../proxy/route.js';
import type { OpenRequest } from '../../request/context.js';
import type { ClientSink, RoundTrip } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import type { SharedWatches } from './share-watches.js';
import type { WatchRequest } from './watch-to-share.js';

/** Takes the watches of clients: those of one cluster can share. */
export class WatchRoute implements Route {
  readonly #watchesOf: (cluster: Cluster) => SharedWatches;
  readonly #isStillLetIn: Recheck | undefined;

  constructor(watchesOf: (cluster: Cluster) => SharedWatches, isStillLetIn: Recheck | undefined) {
    this.#watchesOf = watchesOf;
    this.#isStillLetIn = isStillLetIn;
  }

  take(request: OpenRequest, own: UpstreamRequest, sink: ClientSink): RoundTrip | undefined {
    if (own.body !== undefined || !isWatch(request)) return undefined;
    const watch = watchRequest(request, own, this.#isStillLetIn);
    return this.#watchesOf(request.cluster).send(watch, sink, request.record);
  }
}

/** Whether a request is a watch of resources. A program behind a subresource may use the same words for something else. */
function isWatch({ head, record: { info } }: OpenRequest): boolean {
  return head.method === 'GET' && info.verb === 'watch' && info.isResourceRequest && info.subresource === '';
}

/** What a client's watch needs to be shared. `own` is the request that is sent if it cannot be. */
export function watchRequest(
  request: OpenRequest,
  own: UpstreamRequest,
  isStillLetIn: Recheck | undefined,
): WatchRequest {
  const { head, caller, record } = request;
  const { rawPath, query } = request.path.forServer;
  return {
    own,
    path: rawPath,
    query,
    rawHeaders: isStillLetIn === undefined ? head.rawHeaders : withoutWho(head.rawHeaders),
    requestId: record.origin.requestId,
    expires: caller?.expires,
    attributes: attributesOf(request),
    isStillValid: isStillLetIn && (() => isStillLetIn(request)),
  };
}

/** The fields without those that say who the client is: the impersonation of the request says that. */
function withoutWho(headers: RawHeaders): RawHeaders {
  return headers.filter((_, index) => !saysWho((headers[index - (index % 2)] as string).toLowerCase()));
}

/** The access review's attributes for the watch (`ResourceAttributes` of authorization.k8s.io/v1). */
function attributesOf({ record: { info }, path }: OpenRequest): object {
  const fieldSelector = queryValue(path.forServer.query, 'fieldSelector') ?? '';
  const labelSelector = queryValue(path.forServer.query, 'labelSelector') ?? '';
  return {
    verb: 'watch',
    group: info.apiGroup,
    version: info.apiVersion,
    resource: info.resource,
    ...(info.namespace !== '' && { namespace: info.namespace }),
    ...(info.name !== '' && { name: info.name }),
    ...(fieldSelector !== '' && { fieldSelector: { rawSelector: fieldSelector } }),
    ...(labelSelector !== '' && { labelSelector: { rawSelector: labelSelector } }),
  };
}
