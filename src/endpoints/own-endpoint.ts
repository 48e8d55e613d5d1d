import type { RouteHandlerMethod } from 'fastify';
import type { ClusterStates } from '../clusters/states.js';
import type { Exposition } from '../observability/metrics/exposition.js';
import type { RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';
import type { ApiPaths } from './api-paths.js';
import type { Health } from './health.js';
import type { KubeconfigFacts } from './kubeconfig.js';

/** What endpoints answer from. */
export interface OwnEndpointParts {
  readonly exposition: Exposition;
  readonly health: Health;
  readonly clusterStates: ClusterStates;
  readonly apiPaths: ApiPaths;
  /** What the kubeconfig for a caller says; undefined where the proxy has no address that a client could use. */
  readonly kubeconfigFor: (request: RequestContext) => KubeconfigFacts | undefined;
  /** The endpoints that are served. */
  readonly served: readonly OwnEndpoint[];
}

/** One path that the proxy itself answers a GET for. */
export interface OwnEndpoint {
  /** What follows `/-/` in its path. A name that ends with a slash stands for every path below it too; the index has none. */
  readonly name: string;
  /** What the index says of it. */
  readonly title: string;
  readonly access: Mount['access'];
  /** Whether the options ask for it; without this, it is always served. */
  isServed?(options: { readonly explorer: boolean }): boolean;
  create(parts: OwnEndpointParts): RouteHandlerMethod;
}
