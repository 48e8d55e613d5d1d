const prefix = 'base64url.bearer.authorization.k8s.io.';

/**
 * Whether a WebSocket subprotocol contains a bearer token, as browsers send it (k8s.io/apiserver `authentication/request/websocket`). Upper
 * and lower case are the same, so that a misspelt prefix does not reveal the token.
 */
export function hasBearerProtocolPrefix(protocol: string): boolean {
  return protocol.length >= prefix.length && protocol.slice(0, prefix.length).toLowerCase() === prefix;
}

/** The token of such a subprotocol, one character for each byte; undefined if it is empty, or not UTF-8 in unpadded base64url. */
export function parseBearerProtocol(protocol: string): string | undefined {
  if (!protocol.startsWith(prefix)) return undefined;
  const encoded = protocol.slice(prefix.length);
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== encoded) return undefined;
  return bytes.equals(Buffer.from(bytes.toString('utf8'))) ? bytes.toString('latin1') : undefined;
}

/**
 * The value of a Sec-WebSocket-Protocol header without bearer tokens; undefined if nothing remains. What is around the prefix does not count:
 * the API server ignores white space of Unicode there, and so finds a token where this program finds none.
 */
export function withoutBearerProtocol(value: string): string | undefined {
  if (!value.toLowerCase().includes(prefix)) return value;
  const kept = value.split(',').filter(protocol => !protocol.toLowerCase().includes(prefix));
  return kept.length === 0 ? undefined : kept.join(',').trim();
}
