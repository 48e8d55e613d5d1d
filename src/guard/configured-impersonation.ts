import { hasImpersonationHeader } from '../kubernetes/impersonation.js';
import { apiMounts, type Guard, type OpenCheck } from './guard.js';
import { Rejection } from './rejection.js';

/** If the proxy impersonates a user, its callers do not. */
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
