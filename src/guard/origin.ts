import type { TLSSocket } from 'node:tls';
import type { RequestHead } from '../http/request-head.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { RequestContext } from '../request/context.js';
import type { CorsOptions } from './cors.js';
import { comesFromOtherSite, isTokenPage, type TokenPageOptions } from './cross-site.js';
import { apiMounts, type Check, type Guard, type GuardParts } from './guard.js';
import { hasOneReading } from './one-reading.js';
import { type AllowedOrigins, isSerializedOrigin, pageOrigin } from './origin-list.js';
import { isRead } from './read-only.js';
import type { RejectedPages } from './rejected-pages.js';

/** What a web page of another origin may do: read only, unless `--cors-allowed-origins` names it. `--disable-filter` does not turn it off. */
export const origin = {
  name: 'origin',
  stage: 'origin',
  options: {},
  reasons: ['origin'],
  judges: apiMounts,
  create(
    { acceptTokenPages, corsAllowedOrigins }: CorsOptions & TokenPageOptions,
    { rejectedPages }: GuardParts,
  ): Check {
    const check = createOriginCheck(corsAllowedOrigins, rejectedPages);
    return request => {
      const { origin, fetchSite } = request.head;
      // Most requests come from no page, and only browsers send these fields.
      if (origin === undefined && fetchSite === undefined) return;
      if (!acceptTokenPages || !isTokenPage(request)) check(request, request.path.decidedOn);
    };
  },
} as const satisfies Guard;

/** A request that may come from a web page, and the connection that shows its scheme. */
type PageRequest = Pick<RequestContext, 'head' | 'raw'>;

/**
 * Rejects upgrades, and everything but reads, from a web page of another origin. Browsers send some of these without asking: a WebSocket, a
 * form, a POST of text/plain. A page has the same origin if its Origin is this listener's scheme and the request's own Host. Behind a load
 * balancer that ends TLS the scheme differs; then the browser itself has to say `same-origin`.
 */
export function createOriginCheck(allowed: AllowedOrigins, rejectedPages: RejectedPages) {
  return (request: PageRequest, info: RequestInfo): void => {
    const { head } = request;
    if (head.origin !== undefined && allowed.matches(head.origin)) return;
    if (isSameOrigin(request)) return;
    if (isRead(info, head) && !head.asksForUpgrade) return;
    if (isEmbedded(head, info, allowed)) return;
    throw rejectedPages.reject(
      head,
      'origin',
      name => `a web page of another origin${name} may not do this`,
      'use the address that the page itself came from',
    );
  };
}

/** Whether a page of an allowed origin frames or loads what is behind a proxy subresource. Browsers then send no Origin. */
function isEmbedded(head: RequestHead, info: RequestInfo, allowed: AllowedOrigins): boolean {
  if (head.method !== 'GET' || info.subresource !== 'proxy' || !hasOneReading(info)) return false;
  const origin = pageOrigin(head);
  return origin !== undefined && allowed.matches(origin);
}

function isSameOrigin({ head, raw }: PageRequest): boolean {
  const { origin, host } = head;
  if (comesFromOtherSite(head)) return false;
  if (origin === undefined) return true;
  if (host === undefined || !isSerializedOrigin(origin)) return false;
  const served = (raw.socket as TLSSocket).encrypted === true ? 'https' : 'http';
  const [scheme, authority] = split(origin);
  if (withoutDefaultPort(scheme, authority) !== withoutDefaultPort(scheme, host.toLowerCase())) return false;
  return scheme === served || (scheme === 'https' && head.fetchSite === 'same-origin');
}

function split(origin: string): [scheme: string, authority: string] {
  const end = origin.indexOf('://');
  return [origin.slice(0, end).toLowerCase(), origin.slice(end + 3).toLowerCase()];
}

function withoutDefaultPort(scheme: string, authority: string): string {
  return authority.replace(scheme === 'https' ? /:443$/ : /:80$/, '');
}
