import { hasImpersonationHeader } from '../kubernetes/impersonation.js';
import { Refusal } from './refusal.js';

/**
 * Refuses a request that brings its own impersonation; for a proxy that itself impersonates somebody, whose clients
 * must not become anybody else. Throws a Refusal.
 */
export function refuseImpersonation(rawHeaders: readonly string[]): void {
  if (!hasImpersonationHeader(rawHeaders)) return;
  throw new Refusal(
    403,
    'impersonation',
    'Impersonate-* headers are not accepted, because this proxy impersonates a user itself; ' +
      'leave them out, or run the proxy without --as and without as in its kubeconfig',
  );
}
