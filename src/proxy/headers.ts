import { forwardedFor } from '../http/forwarded-for.js';
import { type RawHeaders, removeFields } from '../http/header-fields.js';
import { withoutBearerProtocol } from '../kubernetes/bearer-protocol.js';
import { impersonationPrefix } from '../kubernetes/impersonation.js';
import type { OpenRequest, RequestContext } from '../request/context.js';
import { clientValue, type DocumentPolicy, documentFields, isLeftToGuards } from './answer-fields.js';

/**
 * Changes redirects that stay on the API server: the request's prefix comes before them. It replaces the path of the server's URL where the
 * proxy adds that. A redirect to
 * another path on that server becomes a full URL, since here it would lead to the current cluster. Paths relative to the request's own
 * path, and redirects to other servers, stay as they are.
 *
 * @param headers Name, value, name, value, …; changed in place.
 */
export function relocate(headers: string[], request: OpenRequest): void {
  const { cluster, endpoint } = request;
  const { server } = endpoint.config;
  for (let index = 0; index < headers.length; index += 2) {
    if (!/^(?:content-)?location$/i.test(headers[index] as string)) continue;
    const location = headers[index + 1] as string;
    const path = pathOn(server, location);
    if (path === undefined) continue;
    const below = pathBelow(request.mount.appendsServerPath ? server.path : '', path);
    if (below !== undefined) headers[index + 1] = request.path.prefix + below;
    else if (path === location) headers[index + 1] = `${server.protocol}//${cluster.host}${path}`;
  }
}

type ServerAddress = OpenRequest['endpoint']['config']['server'];

/** Returns the path below another one, with its query and fragment; undefined if it is not below it. */
function pathBelow(serverPath: string, path: string): string | undefined {
  if (!path.startsWith(serverPath)) return undefined;
  const rest = path.slice(serverPath.length);
  if (rest === '') return '/';
  if (rest.startsWith('/')) return rest;
  return /^[?#]/.test(rest) ? `/${rest}` : undefined;
}

/** Returns the path as it is in the location, if it is on this server; otherwise undefined. */
function pathOn(server: ServerAddress, location: string): string | undefined {
  if (location.startsWith('/') && !/^\/[/\\]/.test(location)) return location;
  const authority = /^([a-z][a-z0-9+.-]*:)?\/\/[^/?#\\]*/i.exec(location);
  if (authority === null) return undefined;
  const [start, scheme = server.protocol] = authority;
  const origin = scheme + start.slice(start.indexOf('//'));
  if (!URL.canParse(origin)) return undefined;
  const { protocol, hostname, port } = new URL(origin);
  const isSame =
    protocol === server.protocol &&
    hostname.replace(/[[\]]/g, '') === server.hostname &&
    Number(port || (protocol === 'https:' ? 443 : 80)) === server.port;
  return isSame ? location.slice(start.length) : undefined;
}

/** What the proxy adds to the client's header fields, and which of these it drops. */
export interface Additions {
  /**
   * Whether the client's own credentials are meant for this proxy. Then none of them is sent on: neither an Authorization header of any
   * scheme nor a bearer token among WebSocket subprotocols. Nor are fields that name a user: the proxy itself says which user a request acts as.
   */
  readonly dropsCredentials: boolean;
  /** Value of the X-Request-Id header for a request that has none. */
  readonly requestId: string;
  /** Value of the Audit-ID header, which replaces the client's. If undefined, the client's header is sent on. */
  readonly auditId: string | undefined;
  /** The fields of a trace (name, value, …) in place of the client's. If undefined, the client's are sent on. */
  readonly traceFields?: readonly string[] | undefined;
  /** The client's address, for X-Forwarded-For; undefined on a Unix socket. */
  readonly remoteAddress: string | undefined;
}

/** The list of RFC 9110, section 7.6.1, and that of net/http/httputil. `Expect` is between the client and this proxy, which answers it. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Returns the client's part of the headers of a request to the API server, for plain requests and upgrades. Hop-by-hop fields and the
 * fields that `Connection` names are removed first, and the proxy's own fields are added after that, so that a client cannot remove these.
 * Of a long X-Forwarded-For, its end is sent.
 * Origin and Sec-Fetch-* are left out: the guards have judged the page by them, and a program like this one upstream would judge it again, by
 * its own host. Host is left out, because it depends on the API server. Content-Length is left out too: only the sender of the body adds it, so that no
 * length is sent without its body.
 */
export function clientHeaders(rawHeaders: RawHeaders, additions: Additions): string[] {
  const named = namedByConnection(rawHeaders);
  const headers: string[] = [];
  let identified = false;
  let isForwarded = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    const key = name.toLowerCase();
    if (key === 'host' || key === 'content-length' || hopByHop.has(key) || named?.has(key)) continue;
    if (key === 'origin' || key.startsWith('sec-fetch-')) continue;
    if (key === 'x-forwarded-for') {
      isForwarded = true;
      continue;
    }
    if (additions.traceFields !== undefined && isOfTrace(key)) continue;
    if (key === 'audit-id' && additions.auditId !== undefined) continue;
    if (key === 'x-request-id') identified = true;
    else if (additions.dropsCredentials && saysWho(key)) continue;
    else if (additions.dropsCredentials && key === 'sec-websocket-protocol') {
      const protocols = withoutBearerProtocol(value);
      if (protocols !== undefined) headers.push(name, protocols);
      continue;
    }
    headers.push(name, value);
  }
  if (!identified) headers.push('X-Request-Id', additions.requestId);
  if (additions.auditId !== undefined) headers.push('Audit-ID', additions.auditId);
  if (additions.traceFields !== undefined) headers.push(...additions.traceFields);
  const { remoteAddress } = additions;
  const sent = isForwarded ? forwardedFor(rawHeaders)?.list : undefined;
  const addresses = sent && remoteAddress ? `${sent}, ${remoteAddress}` : sent || remoteAddress;
  if (addresses) headers.push('X-Forwarded-For', addresses);
  return headers;
}

function isOfTrace(key: string): boolean {
  return key === 'traceparent' || key === 'tracestate' || key === 'baggage';
}

/** Whether a field says who the client is, or which user it acts as. `key` is its name in lower case. */
export function saysWho(key: string): boolean {
  return key === 'authorization' || key.startsWith(impersonationPrefix);
}

/** The head of an answer: name, value, name, value, … */
interface AnswerHead {
  readonly statusCode: number;
  readonly rawHeaders: RawHeaders;
}

/** The header fields of an answer for its client, and what the proxy itself reads of them. Lines of the same name are one list. */
export interface ClientFields {
  /** Name, value, name, value, … */
  readonly headers: string[];
  contentType: string | undefined;
  auditId: string | undefined;
  hasLength: boolean;
}

/**
 * Returns the header fields of a response for the client, for plain requests and upgrades: those of the API server, but for what they say
 * about the whole origin, and those that this proxy and its guards add for browsers.
 */
export function responseHeaders(
  { statusCode, rawHeaders }: AnswerHead,
  request: OpenRequest,
  policy: DocumentPolicy,
): ClientFields {
  const fields = inboundFields(rawHeaders, request, policy);
  const { headers } = fields;
  // It has none (RFC 9110, section 8.6); HTTP/2 clients treat one as an error.
  if (statusCode === 204 && fields.hasLength) {
    removeFields(headers, 'content-length');
    fields.hasLength = false;
  }
  if (request.mount.relocates) relocate(headers, request);
  if (!isLeftToGuards(request, policy)) {
    const added = documentFields(statusCode, fields.contentType, request);
    removeFields(headers, 'x-content-type-options');
    headers.push(...added);
  }
  headers.push(...request.answerHeaders);
  return fields;
}

/** The head of an answer that switches protocols. Its hop-by-hop fields are a part of the switch. */
export function switchingProtocols(
  statusMessage: string,
  headers: RawHeaders,
  request: OpenRequest,
  policy: DocumentPolicy,
): string {
  let head = `HTTP/1.1 101 ${statusMessage}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = clientValue(name.toLowerCase(), headers[index + 1] as string, request, policy);
    if (value !== undefined) head += `${name}: ${value}\r\n`;
  }
  const added = request.answerHeaders;
  for (let index = 0; index < added.length; index += 2) head += `${added[index]}: ${added[index + 1]}\r\n`;
  return `${head}\r\n`;
}

/** Removes the header fields that must not reach the client: hop-by-hop fields, fields that `Connection` names, and those of `clientValue`. */
export function inboundFields(
  rawHeaders: RawHeaders,
  request: RequestContext,
  policy: DocumentPolicy,
): ClientFields {
  const named = namedByConnection(rawHeaders);
  const fields: ClientFields = { headers: [], contentType: undefined, auditId: undefined, hasLength: false };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const key = name.toLowerCase();
    if (hopByHop.has(key) || named?.has(key)) continue;
    const value = clientValue(key, rawHeaders[index + 1] as string, request, policy);
    if (value === undefined) continue;
    fields.headers.push(name, value);
    switch (key) {
      case 'content-type':
        fields.contentType = fields.contentType === undefined ? value : `${fields.contentType}, ${value}`;
        break;
      case 'audit-id':
        fields.auditId = fields.auditId === undefined ? value : `${fields.auditId}, ${value}`;
        break;
      case 'content-length':
        fields.hasLength = true;
        break;
    }
  }
  return fields;
}

function namedByConnection(rawHeaders: RawHeaders): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = rawHeaders[index + 1] as string;
    // Stryker disable next-line ConditionalExpression,StringLiteral: these options name no field, so that a set of them only costs time
    if (value === 'keep-alive' || value === 'close') continue;
    named ??= new Set();
    for (const token of value.split(',')) named.add(token.trim().toLowerCase());
    // Content-Length frames the body, so it stays even if Connection names it.
    named.delete('content-length');
  }
  return named;
}
