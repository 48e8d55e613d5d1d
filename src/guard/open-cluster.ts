import { hasImpersonationHeader } from '../kubernetes/impersonation.js';
import type { RequestContext } from '../request/context.js';
import { apiMounts, type Check, type Guard, type OpenCheck } from './guard.js';
import { Rejection } from './rejection.js';

/**
 * The configuration of a context is read when the first request to it comes this far. A request that was rejected before does not cause
 * that.
 */
export const openCluster = {
  name: 'open cluster',
  stage: 'operation',
  options: {},
  reasons: [],
  judges: ({ namesContext }) => namesContext,
  create: (): Check => request => (request.endpoint === undefined ? open(request) : undefined),
} as const satisfies Guard;

async function open(request: RequestContext): Promise<void> {
  await request.openCluster(request.record.phases);
}

/** If the configuration of the cluster impersonates a user, the proxy's callers do not. */
export const configuredImpersonation = {
  name: 'configured impersonation',
  stage: 'operation',
  options: {},
  reasons: ['impersonation'],
  judges: apiMounts,
  create:
    (): OpenCheck =>
    ({ endpoint, head }) => {
      if (endpoint.config.impersonation !== undefined) rejectImpersonation(head.rawHeaders);
    },
} as const satisfies Guard;

/**
 * For a proxy that impersonates a user itself: rejects a request with impersonation headers of its own, because clients must not become
 * somebody else. Throws a Rejection.
 */
function rejectImpersonation(rawHeaders: readonly string[]): void {
  if (!hasImpersonationHeader(rawHeaders)) return;
  throw new Rejection(
    403,
    'impersonation',
    'Impersonate-* headers are not accepted, because this proxy impersonates a user itself; ' +
      'leave them out, or run the proxy without --as and without as in its kubeconfig',
  );
}
