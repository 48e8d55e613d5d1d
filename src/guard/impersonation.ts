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

/** What the API server takes for who a request is from, when it trusts its sender (RequestHeader authentication and impersonation). */
const identityHeader = /^(?:impersonate|x-remote-(?:user|group|uid|extra))(?:-|s?$)/;

/**
 * Refuses a request that says itself who it is from, beside its credential, or that has two credentials; for a proxy that authenticates
 * its callers. Spellings that some server takes for the same name (underscores, as CGI makes of hyphens, and other marks) count
 * as well. Throws a Refusal.
 */
export function refuseClaimedIdentity(rawHeaders: readonly string[]): void {
  let credentials = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    switch (name.charCodeAt(0) | 0x20) {
      case 0x61:
        if (name.length === 13 && name.toLowerCase() === 'authorization') credentials += 1;
        break;
      case 0x69:
      case 0x78:
        if (identityHeader.test(name.toLowerCase().replace(/[^a-z0-9]+/g, '-'))) throw claimed();
        break;
    }
  }
  if (credentials > 1) {
    throw new Refusal(400, 'bad_request', 'the request has more than one Authorization header');
  }
}

function claimed(): Refusal {
  return new Refusal(
    403,
    'impersonation',
    'Impersonate-* and X-Remote-* headers are not accepted, because this proxy authenticates its callers and ' +
      'sends every request in the name of who made it; leave them out',
  );
}
