import type { ServerResponse } from 'node:http';
import { hasField, indexOfField, type RawHeaders } from '../http/header-fields.js';
import { withoutBearerProtocol } from '../kubernetes/bearer-protocol.js';
import type { RequestContext } from '../request/context.js';
import { type PrefixedRequest, relocate } from './location.js';

/** What a request to the API server gets besides the client's own headers. */
export interface Additions {
  /** Value of the Host header. */
  readonly host: string;
  /** Value of the Authorization header for a request that has none. */
  readonly authorization: string | undefined;
  /**
   * Whether the client's own credentials were for this program: none of them goes on, neither an Authorization header of any scheme
   * nor a bearer token among WebSocket subprotocols.
   */
  readonly dropsCredentials: boolean;
  /** Flat list of Impersonate-* fields. */
  readonly impersonation: readonly string[];
  /** Value of the X-Request-Id header for a request that has none. */
  readonly requestId: string;
  /** Value of the Audit-ID header, whatever the client sends; undefined leaves that to the client. */
  readonly auditId: string | undefined;
  /** The client's address, for X-Forwarded-For; undefined on a Unix socket. */
  readonly remoteAddress: string | undefined;
}

/**
 * RFC 9110, section 7.6.1, and net/http/httputil's list. `Expect` is between the client and this program, which
 * answers it.
 */
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
 * The headers of a request on its way upstream, for plain requests and upgrades alike: hop-by-hop fields and those that
 * `Connection` names are taken off first, then ours are put on, so that a client can strip nothing of ours. A client's own
 * Authorization wins over the configured one, as in client-go's round trippers, unless it was for this program. Content-Length
 * is left out: only the sender of the body adds it, so that no length goes upstream without its body.
 */
export function outboundHeaders(rawHeaders: RawHeaders, additions: Additions): string[] {
  const named = namedByConnection(rawHeaders);
  const headers: string[] = ['Host', additions.host];
  let authorized = false;
  let identified = false;
  let forwardedFor = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    const key = name.toLowerCase();
    if (key === 'host' || key === 'content-length' || hopByHop.has(key) || named?.has(key)) continue;
    if (key === 'x-forwarded-for') {
      forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`;
      continue;
    }
    if (key === 'audit-id' && additions.auditId !== undefined) continue;
    if (key === 'authorization') {
      if (additions.dropsCredentials) continue;
      authorized = true;
    } else if (key === 'x-request-id') {
      identified = true;
    } else if (additions.dropsCredentials && key === 'sec-websocket-protocol') {
      const protocols = withoutBearerProtocol(value);
      if (protocols !== undefined) headers.push(name, protocols);
      continue;
    }
    headers.push(name, value);
  }
  if (!authorized && additions.authorization !== undefined) {
    headers.push('Authorization', additions.authorization);
  }
  if (!identified) headers.push('X-Request-Id', additions.requestId);
  if (additions.auditId !== undefined) headers.push('Audit-ID', additions.auditId);
  if (additions.remoteAddress !== undefined) {
    forwardedFor =
      forwardedFor === '' ? additions.remoteAddress : `${forwardedFor}, ${additions.remoteAddress}`;
  }
  if (forwardedFor !== '') headers.push('X-Forwarded-For', forwardedFor);
  headers.push(...additions.impersonation);
  return headers;
}

/** What the headers of a response depend on. */
export type HeadRequest = PrefixedRequest & Pick<RequestContext, 'answerHeaders'>;

/** The headers of a response as its client gets it, on either leg: those of the API server and those that the guards have added. */
export function responseHeaders(rawHeaders: RawHeaders, request: HeadRequest): string[] {
  const headers = inboundHeaders(rawHeaders);
  relocate(headers, request);
  if (request.answerHeaders !== undefined) headers.push(...request.answerHeaders);
  return headers;
}

/**
 * The headers of a response on its way to the client: everything but hop-by-hop fields, those that `Connection` names, and
 * those that give browsers permissions.
 */
export function inboundHeaders(rawHeaders: RawHeaders): string[] {
  const named = namedByConnection(rawHeaders);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = (rawHeaders[index] as string).toLowerCase();
    // Trailer announces what comes after the body, and that goes on to the client as well.
    if ((endsHere(key) && key !== 'trailer') || named?.has(key)) continue;
    headers.push(rawHeaders[index] as string, rawHeaders[index + 1] as string);
  }
  return headers;
}

/**
 * Whether a field of an answer is removed. `Access-Control-*` of the API server, or of a program behind a proxy subresource, is meant for
 * browsers that bring their own credential; here they would use this program's. `Service-Worker-Allowed` would let such a program choose the
 * paths of this origin that its service worker answers.
 */
function endsHere(key: string): boolean {
  return hopByHop.has(key) || key.startsWith('access-control-') || key === 'service-worker-allowed';
}

function namedByConnection(rawHeaders: RawHeaders): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = rawHeaders[index + 1] as string;
    if (value === 'keep-alive' || value === 'close') continue;
    named ??= new Set();
    for (const token of value.split(',')) if (token !== '') named.add(token.trim().toLowerCase());
    // Content-Length frames the body: naming it in Connection must not remove it.
    named.delete('content-length');
  }
  return named;
}

/** Node refuses to send a Trailer field without chunked framing; without that it would mean nothing (RFC 9110, section 6.6.2). */
export function withPossibleTrailer(
  statusCode: number,
  headers: string[],
  { req }: ServerResponse,
): string[] {
  const trailer = indexOfField(headers, 'trailer');
  if (trailer === -1) return headers;
  const hasBody = req.method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;
  const possible = hasBody && req.httpVersion !== '1.0' && !hasField(headers, 'content-length');
  if (!possible) headers.splice(trailer, 2);
  return headers;
}

/** Trailers for the client, in the form that Node takes; fields that are removed from a head are removed here, too. */
export function trailerFields(trailers: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const name = trailers[index] as string;
    if (!endsHere(name.toLowerCase())) fields.push([name, trailers[index + 1] as string]);
  }
  return fields;
}
