import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { utf8Text } from '../http/percent-encoding.js';
import type { RequestHead } from '../http/request-head.js';
import { hasBearerProtocolPrefix, parseBearerProtocol } from '../kubernetes/bearer-protocol.js';
import { AuthenticationError } from './identity.js';

/** A bearer token that a client sent. */
export interface BearerToken {
  /** One character for each byte, like Node's header values. */
  readonly text: string;
  /** The key for look-ups: two tokens with the same digest are the same token. */
  readonly digest: string;
  /** The remote address; empty on a Unix socket. */
  readonly source: string;
}

/** A request that may have a token. */
interface TokenRequest {
  readonly head: RequestHead;
  readonly raw: Pick<IncomingMessage, 'socket'>;
  /** From a trusted proxy; undefined if the peer is the client. */
  readonly clientAddress?: string | undefined;
}

/** A different key in every process. So neither a digest nor the time of a look-up tells anything about the token. */
const digestKey = randomBytes(32);

/** The digest of a token that has one character for each byte. */
export function digestOf(text: string): string {
  return createHmac('sha256', digestKey).update(text, 'latin1').digest('base64');
}

/**
 * Whether a token (one character for each byte) has white space or a control character, read as UTF-8. The API server removes what Go's
 * `unicode.IsSpace` calls white space from a JWT, so that one token would have many spellings, and of most of them nobody else could read
 * when it expires. Takes linear time.
 */
export function hasSpaceOrControl(text: string): boolean {
  // Almost every token is of ASCII alone.
  return /[^\x21-\x7e]/.test(text) && /[\p{White_Space}\p{Cc}]/u.test(utf8Text(text));
}

/**
 * The bearer token of a request, from its Authorization header. On a WebSocket, where browsers can set no other header, it may also come as
 * a subprotocol (k8s.io/apiserver `request/bearertoken` and `request/websocket`). Undefined if there is none. Throws an AuthenticationError
 * if the token is malformed or has white space or a control character, or if there are two.
 */
export function readBearerToken({ head, raw, clientAddress }: TokenRequest): BearerToken | undefined {
  const { authorization } = head;
  const fromHeader = authorization === undefined ? undefined : parseAuthorization(authorization);
  const fromProtocol = isWebSocket(head) ? parseProtocols(head.webSocketProtocols) : undefined;
  if (fromHeader !== undefined && fromProtocol !== undefined) {
    throw new AuthenticationError(
      'the request has a bearer token both in Authorization and as a subprotocol',
    );
  }
  const text = fromHeader ?? fromProtocol;
  if (text === undefined) return undefined;
  if (hasSpaceOrControl(text)) {
    throw new AuthenticationError('the bearer token has white space or a control character');
  }
  return { text, digest: digestOf(text), source: clientAddress ?? raw.socket.remoteAddress ?? '' };
}

/** Whether a request has a bearer token in Authorization, be it valid or not. */
export function bringsHeaderToken({ authorization }: Pick<RequestHead, 'authorization'>): boolean {
  return authorization !== undefined && /^[ \t]*bearer [^ \t]/i.test(authorization);
}

/** RFC 6750, section 2.1: one space before the token. Any other value is no bearer token, as in the API server. */
function parseAuthorization(value: string): string | undefined {
  const match = /^[ \t]*bearer ([^ \t]+)[ \t]*(.*)/i.exec(value);
  if (match?.[2]) throw new AuthenticationError('there are several words after Bearer');
  return match?.[1];
}

/** Node's parser takes a request for an upgrade only if Connection has the word. */
function isWebSocket({ asksForUpgrade, upgradeProtocol }: RequestHead): boolean {
  return asksForUpgrade && upgradeProtocol.toLowerCase() === 'websocket';
}

function parseProtocols(protocols = ''): string | undefined {
  let token: string | undefined;
  let hasOther = false;
  for (const protocol of protocols.split(',')) {
    const name = protocol.trim();
    if (name === '') continue;
    if (!hasBearerProtocolPrefix(name)) {
      hasOther = true;
      continue;
    }
    if (token !== undefined)
      throw new AuthenticationError('the request has more than one bearer token as a subprotocol');
    token = parseBearerProtocol(name);
    if (token === undefined) throw new AuthenticationError('the subprotocol is not a base64url bearer token');
  }
  // The server selects one of the offered protocols, and must not answer with the token.
  if (token !== undefined && !hasOther) {
    throw new AuthenticationError(
      'the bearer token is the only subprotocol; the client must offer another one too',
    );
  }
  return token;
}
