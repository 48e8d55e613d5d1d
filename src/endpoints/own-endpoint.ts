import type { RouteHandlerMethod } from 'fastify';
import type { ClusterState } from '../clusters/states.js';
import type { CallerEntry } from '../kubeconfig/types.js';
import type { JsonObject } from '../lib/json.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import type { Operation, RequestContext } from '../request/context.js';
import type { Destination, Mount } from '../request/mount.js';
import type { Health } from './health.js';

/** The parts of the program that endpoints need for their answers. */
export interface OwnEndpointParts {
  readonly metrics: Pick<Metrics, 'registry'>;
  readonly health: Health;
  /** Whether a request to an endpoint for probes, which needs no credential, has a valid one. */
  readonly isCaller: (request: RequestContext) => Promise<boolean>;
  readonly clusterStates: () => Promise<readonly ClusterState[]>;
  readonly apiPaths: ApiPaths;
  readonly tokenRules: TokenRules;
  readonly signIn: SignInParts;
  /** The content of a kubeconfig for the caller; undefined if the proxy has no address that a client could use. */
  readonly kubeconfigFor: (request: RequestContext) => KubeconfigFacts | undefined;
  /** Whether clients have to be told the authority of the proxy's certificate, at the address that the caller used. */
  readonly hasOwnAuthority: (request: RequestContext) => boolean;
  /** Where a request with this target goes. */
  readonly destinationOf: (target: string) => Destination;
  /** Why a rule of the proxy would reject an operation, whoever requested it; undefined if none would. */
  readonly rejectionOf: (
    operation: Operation,
  ) => { readonly reason: string; readonly message: string } | undefined;
  /** The endpoints that are served. */
  readonly served: readonly OwnEndpoint[];
}

/** The paths at which callers reach the API servers. */
export interface ApiPaths {
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

/** One context of the kubeconfig. */
export interface KubeconfigContext {
  readonly name: string;
  /** Path below the address, percent-encoded; empty, or with a slash at its beginning and none at its end. */
  readonly path: string;
  /** Empty if the context has none. */
  readonly namespace: string;
}

/** The content of a kubeconfig for this proxy. */
export interface KubeconfigFacts {
  /** URL of the proxy without a final slash. */
  readonly address: string;
  /** The first one is the current context. */
  readonly contexts: readonly KubeconfigContext[];
  /** PEM of the authority of the proxy's certificate; undefined if it is not known. */
  readonly authority: string | undefined;
  /** One user for each authentication method that is on. */
  readonly users: readonly CallerEntry[];
  /** Whether contexts may be missing because the caller is not known. */
  readonly isForStranger: boolean;
}

/** An OpenID Connect issuer at which people may sign in on the page. */
export interface SignInIssuer {
  readonly url: string;
  /** Whether there can be no other issuer beside it. */
  readonly isAlone: boolean;
  readonly clientId: string;
  /** What the page asks for; undefined while that depends on a discovery document that has not been read. */
  readonly scopes: readonly string[] | undefined;
  /** Its document of OpenID Connect Discovery 1.0, unchecked; undefined until it has been read. */
  discovery(): JsonObject | undefined;
}

/** What the page needs to sign people in. */
export interface SignInParts {
  /** The issuers now; none if people cannot sign in there. */
  readonly issuers: () => readonly SignInIssuer[];
  /** `--public-url` without a final slash; empty if it is not set. */
  readonly publicUrl: string;
}

/** One path at which the proxy itself answers a GET. */
export interface OwnEndpoint {
  /** The part of its path after `/-/`. A name that ends with a slash stands for every path below it too. The name of the index is empty. */
  readonly name: string;
  /** The description of the endpoint in the index. */
  readonly title: string;
  readonly access: Mount['access'];
  /** Whether the options turn the endpoint on. Without this function it is always served. */
  isServed?(options: { readonly explorer: boolean }): boolean;
  create(parts: OwnEndpointParts): RouteHandlerMethod;
}
