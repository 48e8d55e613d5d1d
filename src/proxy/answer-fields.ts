import type { RequestContext } from '../request/context.js';
import { type CookieRequest, heldCookie } from './cookies.js';
import { type DocumentPolicy, type DocumentRequest, isLeftToGuards } from './documents.js';

/** The parts of a request that decide which fields of its answer reach the client. */
export type FieldRequest = CookieRequest & DocumentRequest & Pick<RequestContext, 'head'>;

/**
 * Fields by which one answer speaks for the whole origin, which an API server and its Pods share with the API, the explorer and all other
 * clusters: that browsers report its requests (NEL and the Reporting API), use another port or HTTPS for it, delete what it has stored, let
 * a service worker answer for paths outside of its folder, send more about themselves (Client Hints), or tell what they have stored (RFC
 * 9842). `Cross-Origin-Resource-Policy` is for the guards to say.
 */
const forOrigin: ReadonlySet<string> = new Set([
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'critical-ch',
  'cross-origin-resource-policy',
  'nel',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'strict-transport-security',
  'use-as-dictionary',
]);

/** Fields by which even an answer that is no page makes a browser load another path of this origin: a GET behind a proxy subresource may act. */
const loading: ReadonlySet<string> = new Set(['link', 'refresh', 'speculation-rules']);

const removed: ReadonlySet<string> = new Set([...forOrigin, ...loading]);

/**
 * All fields that a browser gets, in lower case; `browserPrefixes` has more. A list of what is removed would always lack the next field that
 * browsers act on.
 */
const forBrowsers: ReadonlySet<string> = new Set([
  // Caches and ranges (RFC 9111; RFC 9110, section 14).
  ...['accept-ranges', 'age', 'cache-control', 'date', 'etag', 'expires', 'last-modified', 'pragma', 'vary'],
  // What clients of an API server act on.
  ...['audit-id', 'location', 'retry-after', 'warning', 'www-authenticate'],
  // Upgrades: WebSockets, and SPDY through a program that passes a browser's fields on.
  ...['connection', 'upgrade', 'x-stream-protocol-version'],
  // What restricts a page. Reports go nowhere: fields that name their receivers are for the origin.
  ...['cross-origin-embedder-policy', 'cross-origin-opener-policy', 'permissions-policy'],
  ...['referrer-policy', 'x-frame-options'],
]);
/** The body, the API server's own fields, and the handshake of WebSockets. */
const browserPrefixes = ['content-', 'x-kubernetes-', 'sec-websocket-'] as const;

/**
 * Returns the value with which a field of a head or a trailer reaches the client; undefined if it must not reach it. `Access-Control-*` of
 * the API server, or of a program behind a proxy subresource, is meant for browsers that send their own credential; here they would use that
 * of this proxy.
 *
 * @param key The name of the field in lower case.
 */
export function clientValue(
  key: string,
  value: string,
  request: FieldRequest,
  policy: DocumentPolicy,
): string | undefined {
  if (removed.has(key)) return loading.has(key) && isLeftToGuards(request, policy) ? value : undefined;
  if (key.startsWith('access-control-')) return undefined;
  if (request.head.mayBeBrowser && !isLeftToGuards(request, policy)) return browserValue(key, value);
  return key === 'set-cookie' ? heldCookie(value, request) : value;
}

function browserValue(key: string, value: string): string | undefined {
  if (key === 'content-security-policy') return withoutReports(value);
  if (key === 'content-security-policy-report-only') return undefined;
  return forBrowsers.has(key) || browserPrefixes.some(prefix => key.startsWith(prefix)) ? value : undefined;
}

const reporting = /^[\t\n\f\r ]*report-(?:uri|to)(?:$|[\t\n\f\r ])/i;

/**
 * A Content-Security-Policy (CSP Level 3, section 2.2) without the directives that let a browser send a POST to any path of this origin;
 * undefined if nothing is left.
 */
function withoutReports(policies: string): string | undefined {
  if (!/report-/i.test(policies)) return policies;
  const kept = policies.split(',').map(policy =>
    policy
      .split(';')
      .filter(directive => !reporting.test(directive))
      .join(';'),
  );
  return kept.some(policy => policy.trim() !== '') ? kept.join(',') : undefined;
}
