import type { RouteHandlerMethod } from 'fastify';
import type { ClusterStates } from '../clusters/states.js';
import type { Exposition } from '../observability/metrics/exposition.js';
import type { RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';
import type { Health } from './health.js';
import type { KubeconfigFacts } from './kubeconfig.js';

/** What endpoints answer from. */
export interface OwnEndpointParts {
  readonly exposition: Exposition;
  readonly health: Health;
  readonly clusterStates: ClusterStates;
  /** What the kubeconfig for a caller says; undefined where the proxy has no address that a client could use. */
  readonly kubeconfigFor: (request: RequestContext) => KubeconfigFacts | undefined;
}

/** One path that the proxy itself answers a GET for. */
export interface OwnEndpoint {
  /** The last segment of its path. */
  readonly name: string;
  readonly access: Mount['access'];
  /** Whether the options ask for it; without this, it is always served. */
  isServed?(options: { readonly allContexts: boolean }): boolean;
  create(parts: OwnEndpointParts): RouteHandlerMethod;
}
