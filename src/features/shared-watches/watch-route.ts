import type { Cluster } from '../../clusters/cluster.js';
import type { RawHeaders } from '../../http/header-fields.js';
import { saysWho } from '../../proxy/headers.js';
import type { CreateRoute, OpenCallers } from '../../proxy/route.js';
import type { OpenRequest } from '../../request/context.js';
import { attributesOf } from '../../reviews/attributes.js';
import type { Reviews } from '../../reviews/reviews.js';
import type { ResponseSink } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import type { LocalApis } from './across-users.js';
import { RingBudget } from './event-ring.js';
import { type OwnRights, Rights } from './rights.js';
import { SharedWatches } from './share-watches.js';
import type { SharedWatchParts } from './shared-watch.js';
import { Turns } from './turns.js';
import type { WatchRequest } from './watch-to-share.js';
import { acceptedHandshake, withoutHandshake } from './websockets/handshake.js';
import { Messages, WebSocketClient } from './websockets/websocket-client.js';

/** The watches of one cluster. */
interface ClusterWatches {
  readonly watches: SharedWatches;
  readonly apis: LocalApis | undefined;
}

/**
 * Makes a route that takes the watches of clients, plain ones and those over WebSockets. Those of one cluster can share; its shared watches are made when its first client asks,
 * and end with the cluster. All clusters together share the memory for events, and the turns in which clients get them.
 *
 * @param buffer Bytes of memory for events.
 * @param apisOf By default, each user shares with themselves alone.
 */
export function createWatchRoute(
  buffer: number,
  options: Pick<SharedWatchParts, 'observer' | 'onFirstByte' | 'clock'> & {
    readonly reviews: Reviews;
    readonly missingRights: OwnRights;
  },
  apisOf?: (cluster: Cluster) => LocalApis,
): CreateRoute {
  const common = { ...options, budget: new RingBudget(buffer), turns: new Turns(), random: Math.random };
  const ofClusters = new WeakMap<Cluster, ClusterWatches>();
  const create = (cluster: Cluster): ClusterWatches => {
    const apis = apisOf?.(cluster);
    const rights = new Rights(options.reviews, options.missingRights, options.clock);
    const watches = new SharedWatches({ ...common, rights, source: cluster });
    cluster.attach(watches);
    return { watches, apis };
  };
  const watchesOf = (cluster: Cluster): ClusterWatches => {
    let found = ofClusters.get(cluster);
    if (found === undefined) {
      found = create(cluster);
      ofClusters.set(cluster, found);
    }
    return found;
  };
  const messages = new Messages();
  return callers => {
    const send = (
      request: OpenRequest,
      own: UpstreamRequest,
      sink: ResponseSink,
      upgraded?: ResponseSink,
    ) => {
      const { watches, apis } = watchesOf(request.cluster);
      const api = callers && apis?.of(request.path.decidedOn);
      return watches.send({ ...watchRequest(request, own, callers), api }, sink, request.record, upgraded);
    };
    return {
      take(request, own, sink) {
        if (own.body !== undefined || !isWatch(request)) return undefined;
        return send(request, own, sink);
      },
      takeUpgrade(request, own, sink) {
        const handshake = isWatch(request) ? acceptedHandshake(own.headers) : undefined;
        if (handshake === undefined) return undefined;
        const client = new WebSocketClient(handshake, sink, messages);
        client.trip = send(request, own, sink, client);
        return client.trip;
      },
    };
  };
}

/** Whether a request is a watch of resources. A program behind a subresource may use the same words for something else. */
function isWatch({ head, record: { info } }: OpenRequest): boolean {
  return head.method === 'GET' && info.verb === 'watch' && info.isResourceRequest && info.subresource === '';
}

/** What a client's watch needs to be shared. `own` is the request that is sent if it cannot be. */
export function watchRequest(
  request: OpenRequest,
  own: UpstreamRequest,
  callers: OpenCallers | undefined,
): WatchRequest {
  const { head, record } = request;
  const { rawPath, query } = request.path.forServer;
  const rawHeaders = head.asksForUpgrade ? withoutHandshake(head.rawHeaders) : head.rawHeaders;
  return {
    own,
    path: rawPath,
    query,
    rawHeaders: callers === undefined ? rawHeaders : withoutWho(rawHeaders),
    requestId: record.origin.requestId,
    traces: record.trace?.shared,
    expires: callers?.endOf(request),
    attributes: attributesOf(request.path.info, query),
    isStillValid: callers && (() => callers.isStillLetIn(request)),
  };
}

/**
 * The fields without those that say who the client is: the impersonation of the request says that. A cookie says it to other programs alone,
 * and a shared watch is sent without one. Dashboards send theirs with each request.
 */
function withoutWho(headers: RawHeaders): RawHeaders {
  return headers.filter((_, index) => {
    const key = (headers[index - (index % 2)] as string).toLowerCase();
    return !saysWho(key) && key !== 'cookie';
  });
}
