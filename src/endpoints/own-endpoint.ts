import type { RouteHandlerMethod } from 'fastify';
import type { TrustedIssuer } from '../authentication/method.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { ShownClusters } from '../clusters/shown.js';
import type { ClusterState } from '../clusters/states.js';
import type { ServingCertificate } from '../http/listener.js';
import type { CallerEntry } from '../kubeconfig/types.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import type { Operation, RequestContext } from '../request/context.js';
import type { Destination, Mount } from '../request/mount.js';
import type { MissingRights } from '../reviews/missing-rights.js';
import type { Reviews } from '../reviews/reviews.js';
import type { Health } from './health.js';

/** The parts of the program that endpoints need for their answers. */
export interface OwnEndpointParts {
  readonly metrics: Pick<Metrics, 'registry'>;
  readonly health: Health;
  /** Whether a request to an endpoint for probes, which needs no credential, has a valid one. */
  readonly isCaller: (request: RequestContext) => Promise<boolean>;
  /** The clusters that a caller is shown; all of them where callers are not authenticated. */
  readonly shownTo: (caller: UserInfo | undefined) => Promise<ShownClusters>;
  readonly clusterStates: (shown: ReadonlySet<string>) => Promise<readonly ClusterState[]>;
  readonly apiPaths: ApiPaths;
  /** The cluster of `/`, and the contexts. */
  readonly registry: Pick<ClusterRegistry, 'default' | 'names' | 'contexts'>;
  readonly tokenRules: TokenRules;
  /** The URL at which a caller reached the proxy, without a final slash; undefined if it has none that a client could use. */
  readonly addressFor: (request: RequestContext) => string | undefined;
  /** The certificate that the main listener has now; undefined for plain HTTP. */
  readonly certificate: () => ServingCertificate | undefined;
  /** The users in a kubeconfig for callers, one for each way to authenticate that is on; none if they need not. */
  readonly callerEntries: () => readonly CallerEntry[];
  /** The OpenID Connect issuers whose tokens callers may use now. */
  readonly issuers: () => readonly TrustedIssuer[];
  /** Where a request with this target goes. */
  readonly destinationOf: (target: string) => Destination;
  /** Why a rule of the proxy would reject an operation, whoever requested it; undefined if none would. */
  readonly rejectionOf: (
    operation: Operation,
  ) => { readonly reason: string; readonly message: string } | undefined;
  /** Says what callers may do. */
  readonly reviews: Pick<Reviews, 'denialOf' | 'authorizer'>;
  /** Says what the proxy itself may do as users. */
  readonly missingRights: Pick<MissingRights, 'missingFor' | 'mayMiss'>;
  /** What a route may do with the answer to an operation that no rule rejects. */
  readonly noteOn: (operation: Operation) => string | undefined;
  /** The endpoints that are served. */
  readonly served: readonly Pick<ServedOwnEndpoint, 'name' | 'title'>[];
}

/** The paths at which callers reach the API servers. */
export interface ApiPaths {
  /** The path prefix of the API, without a final slash and without the path of the server's URL, which strangers must not learn. */
  readonly prefix: string;
  /** The path prefix for requests to the API server of `/`, without a final slash. */
  readonly root: string;
  /** The same for a context. A context that is not served below `/clusters/` is at `/`. */
  of(name: string): string;
}

/** What a page of the proxy's own has to know before it keeps a caller's token, or sends it. */
interface TokenRules {
  /** Whether browsers treat pages of Pods as another origin than the API, so that they cannot read what the API's own pages store. */
  readonly sandboxesProxiedPages: boolean;
  /** Whether a token is valid in all clusters. If not, it is meant for one cluster, and that cluster's API server sees it. */
  readonly sharesTokens: boolean;
}

/**
 * One path at which the proxy itself answers a GET.
 *
 * @typeParam Options The options that it reads.
 */
export interface OwnEndpoint<Options = unknown> {
  /** The part of its path after `/-/`. A name that ends with a slash stands for every path below it too. The name of the index is empty. */
  readonly name: string;
  /** The description of the endpoint in the index. */
  readonly title: string;
  readonly access: Mount['access'];
  /** Whether a person who starts the program at a terminal is told its URL. */
  readonly isForPeople?: boolean;
  /** Whether the options turn the endpoint on. Without this function it is always served. */
  isServed?(options: Options): boolean;
  create(parts: OwnEndpointParts, options: Options): RouteHandlerMethod;
}

/** An endpoint that the options turn on. */
export interface ServedOwnEndpoint extends Pick<OwnEndpoint, 'name' | 'title' | 'access' | 'isForPeople'> {
  create(parts: OwnEndpointParts): RouteHandlerMethod;
}
