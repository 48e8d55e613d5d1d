import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { fieldValue, hasField } from '../http/header-fields.js';
import { asksForUpgrade } from '../http/message.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import { type CorsOptions, corsPolicyOf, pageOrigin } from './cors.js';
import { comesFromOtherSite } from './cross-site.js';
import { apiMounts, type Check, type Guard } from './guard.js';
import { hasOneReading } from './one-reading.js';
import { isSerializedOrigin } from './origin-list.js';
import { isRead } from './read-only.js';
import { Rejection } from './rejection.js';

/** What a web page of another origin may do: read only, unless `--cors-allowed-origins` names it. `--disable-filter` does not turn it off. */
export const origin = {
  name: 'origin',
  options: {},
  reasons: ['origin'],
  judges: apiMounts,
  create(options: CorsOptions): Check {
    const cors = corsPolicyOf(options);
    const check = createOriginCheck(origin => cors?.isAllowed(origin) === true);
    return ({ raw, path }) => {
      if (comesFromBrowser(raw)) check(raw, path.decidedOn);
    };
  },
} as const satisfies Guard;

/** Judges a request by the web page that it comes from; throws a Rejection. */
type OriginCheck = (request: IncomingMessage, info: RequestInfo) => void;

/** Whether a request says which page it comes from. Only browsers send these fields. */
export function comesFromBrowser({ rawHeaders }: IncomingMessage): boolean {
  return hasField(rawHeaders, 'origin') || hasField(rawHeaders, 'sec-fetch-site');
}

/**
 * Rejects upgrades, and everything but reads, from a web page of another origin. Browsers send some of these without asking: a WebSocket, a
 * form, a POST of text/plain. A page has the same origin if its Origin is this listener's scheme and the request's own Host. Behind a load
 * balancer that ends TLS the scheme differs; then the browser itself has to say `same-origin`.
 */
export function createOriginCheck(isAllowed: (origin: string) => boolean): OriginCheck {
  return (request, info) => {
    const origin = fieldValue(request.rawHeaders, 'origin');
    const site = fieldValue(request.rawHeaders, 'sec-fetch-site');
    if (origin !== undefined && isAllowed(origin)) return;
    if (isOwn(request, origin, site)) return;
    if (isRead(info, request) && !asksForUpgrade(request)) return;
    if (isEmbedded(request, info, isAllowed)) return;
    throw new Rejection(
      403,
      'origin',
      'a web page of another origin may not do this; allow its origin with --cors-allowed-origins, ' +
        'or use the address that the page itself came from',
    );
  };
}

/** Whether a page of an allowed origin frames or loads what is behind a proxy subresource. Browsers then send no Origin. */
function isEmbedded(
  request: IncomingMessage,
  info: RequestInfo,
  isAllowed: (origin: string) => boolean,
): boolean {
  if (request.method !== 'GET' || info.subresource !== 'proxy' || !hasOneReading(info)) return false;
  const origin = pageOrigin(request);
  return origin !== undefined && isAllowed(origin);
}

function isOwn(request: IncomingMessage, origin: string | undefined, site: string | undefined): boolean {
  if (comesFromOtherSite(request.rawHeaders)) return false;
  if (origin === undefined) return true;
  const host = fieldValue(request.rawHeaders, 'host');
  if (host === undefined || !isSerializedOrigin(origin)) return false;
  const own = (request.socket as TLSSocket).encrypted === true ? 'https' : 'http';
  const [scheme, authority] = split(origin);
  if (withoutDefaultPort(scheme, authority) !== withoutDefaultPort(scheme, host.toLowerCase())) return false;
  return scheme === own || (scheme === 'https' && site === 'same-origin');
}

function split(origin: string): [scheme: string, authority: string] {
  const end = origin.indexOf('://');
  return [origin.slice(0, end).toLowerCase(), origin.slice(end + 3).toLowerCase()];
}

function withoutDefaultPort(scheme: string, authority: string): string {
  return authority.replace(scheme === 'https' ? /:443$/ : /:80$/, '');
}
