import { noSniff } from '../http/header-fields.js';
import type { RequestContext } from '../request/context.js';
import { confinedCookie } from './cookies.js';

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
 * Returns the value with which a field of a head reaches the client; undefined if it must not reach it. `Access-Control-*` of
 * the API server, or of a program behind a proxy subresource, is meant for browsers that send their own credential; here they would use that
 * of this proxy.
 *
 * @param key The name of the field in lower case.
 */
export function clientValue(
  key: string,
  value: string,
  request: RequestContext,
  policy: DocumentPolicy,
): string | undefined {
  if (removed.has(key)) return loading.has(key) && isLeftToGuards(request, policy) ? value : undefined;
  if (key.startsWith('access-control-')) return undefined;
  if (request.head.mayBeBrowser && !isLeftToGuards(request, policy)) return browserValue(key, value);
  return key === 'set-cookie' ? confinedCookie(value, request) : value;
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

/** The option that decides about answers of the proxy subresource. */
export interface DocumentPolicy {
  /** Whether the guards sandbox what Pods, Services and nodes serve through the proxy subresource. */
  readonly sandboxesProxiedPages: boolean;
}

/**
 * A document without this origin and without scripts (CSP Level 3, `sandbox`), which no page of another origin may frame. The policy that
 * the answer has already stays in force beside it.
 */
const sandbox = ['Content-Security-Policy', "sandbox allow-downloads; frame-ancestors 'self'"] as const;

/** Types of API servers that no browser renders as a document. Metrics in Prometheus' own format are `text/plain`. */
const plainTypes: ReadonlySet<string> = new Set([
  'application/cbor',
  'application/cbor-seq',
  'application/json',
  'application/openmetrics-text',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'text/plain',
]);
/** More of these types: JSON with a name of its own, and OpenAPI documents in protobuf (kube-openapi). */
const namedPlainType =
  /^application\/(?:[\w!#$&^.-]+\+json|com\.github\.proto-openapi\.spec\.v\d[.@]v1\.0\+protobuf)$/;

const noSniffSandbox: readonly string[] = [...noSniff, ...sandbox];

/** Whether an answer is from behind the proxy subresource, and the guards trust what is there. Then it is not touched. */
export function isLeftToGuards({ path }: RequestContext, { sandboxesProxiedPages }: DocumentPolicy): boolean {
  return path.proxied !== undefined && !sandboxesProxiedPages;
}

/**
 * Fields that keep an answer away from this origin, which it shares with the API and with all other clusters, if a browser could render it
 * as a document. The guards sandbox what is behind the proxy subresource.
 *
 * @param contentType All values of the answer's Content-Type, as one list.
 */
export function documentFields(
  statusCode: number,
  contentType: string | undefined,
  { path }: RequestContext,
): readonly string[] {
  return path.proxied === undefined && mayBeDocument(statusCode, contentType) ? noSniffSandbox : noSniff;
}

/**
 * Whether a browser could render the answer as a document. If in doubt it says yes, because the policy has no effect on other answers. The
 * fields of a 304 and of a 206 replace those of a stored answer, whose type may be another one (RFC 9111, section 3.2).
 */
function mayBeDocument(statusCode: number, contentType: string | undefined): boolean {
  return statusCode === 304 || statusCode === 206 || !isPlainType(contentType);
}

/** A media type and its parameters. Browsers take the last one of several types in a list, so a comma makes it none. */
const mediaType = /^[ \t]*([^ \t;,]+)[ \t]*(?:;[^,]*)?$/;

/** Whether there is one type, and that is a plain one. */
function isPlainType(value: string | undefined): boolean {
  if (value === undefined) return false;
  if (plainTypes.has(value)) return true;
  const type = mediaType.exec(value)?.[1]?.toLowerCase() ?? '';
  return plainTypes.has(type) || namedPlainType.test(type);
}
