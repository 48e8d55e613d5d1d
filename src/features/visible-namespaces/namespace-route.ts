import type { Cluster } from '../../clusters/cluster.js';
import type { Onward, Route, RoutedTrip } from '../../proxy/route.js';
import type { OpenRequest, Operation } from '../../request/context.js';
import type { ClientSink, ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import { AccessTrip } from './access-trip.js';
import { answerList, answerWatch, auditIdOf, EventStream } from './answers.js';
import { FilteredCluster, type FilterParts } from './filtered-cluster.js';
import { type Answer, FilteredTrip } from './filtered-trip.js';
import { EventSocket } from './web-socket.js';

const paths: ReadonlySet<string> = new Set(['/api/v1/namespaces', '/api/v1/watch/namespaces']);

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
      filtered.follow();
    }
    return filtered;
  }

  noteOn(operation: Operation): string | undefined {
    return isAboutNamespaces(operation) ? note : undefined;
  }

  take(
    request: OpenRequest,
    own: UpstreamRequest,
    sink: ClientSink,
    onward: Onward<ClientSink>,
  ): RoutedTrip | undefined {
    const as = own.impersonation;
    // Without callers, everyone has the rights of the gateway.
    if (as === undefined || as === 'configured') return undefined;
    if (isAccessReview(request, own)) {
      const filtered = this.of(request.cluster);
      return new AccessTrip({ own, as, sink, onward, route: this, filtered }).start();
    }
    if (!isAboutNamespaces(request)) return undefined;
    const { observer } = this.#parts;
    const auditId = auditIdOf(own.headers);
    return this.#trip(request, own, sink, onward, answering =>
      answering.asked.isWatch
        ? answerWatch(answering, new EventStream(sink, auditId), observer)
        : answerList(answering, sink, auditId),
    );
  }

  takeUpgrade(
    request: OpenRequest,
    own: UpstreamRequest,
    sink: ResponseSink,
    onward: Onward<ResponseSink>,
  ): RoutedTrip | undefined {
    const { head, record } = request;
    if (!isAboutNamespaces(request) || record.info.verb !== 'watch') return undefined;
    if (!/^websocket$/i.test(head.upgradeProtocol)) return undefined;
    const { observer } = this.#parts;
    return this.#trip(request, own, sink, onward, answering => {
      let watch: RoundTrip | undefined;
      const control = {
        pause: () => watch?.pause(),
        resume: () => watch?.resume(),
        abort: () => watch?.abort(),
      };
      watch = answerWatch(
        answering,
        new EventSocket(sink, own.headers, auditIdOf(own.headers), control),
        observer,
      );
      return watch;
    });
  }

  #trip<Sink extends ResponseSink>(
    request: OpenRequest,
    own: UpstreamRequest,
    sink: Sink,
    onward: Onward<FilteredTrip<Sink>>,
    answer: Answer,
  ): RoutedTrip | undefined {
    const as = own.impersonation;
    // Without callers, everyone has the rights of the gateway.
    if (as === undefined || as === 'configured') return undefined;
    const filtered = this.of(request.cluster);
    return new FilteredTrip({ request, own, sink, onward, route: this, filtered, answer }, as).start();
  }
}

const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** Whether a request asks what its user may do. */
function isAccessReview({ head, path }: OpenRequest, { body }: UpstreamRequest): boolean {
  return head.method === 'POST' && path.api === reviews && body?.peek !== undefined;
}

/** Whether a request is a list or a watch of all namespaces. */
function isAboutNamespaces({ head, path }: Operation): boolean {
  const { info } = path;
  return (
    head.method === 'GET' &&
    !head.hasBody &&
    paths.has(path.api ?? '') &&
    (info.verb === 'list' || info.verb === 'watch')
  );
}
