const prefix = 'base64url.bearer.authorization.k8s.io.';

/**
 * Whether a WebSocket subprotocol is where a browser puts a bearer token (k8s.io/apiserver `authentication/request/websocket`),
 * in any case, so that a misspelt one is no less of a secret.
 */
export function hasBearerProtocolPrefix(protocol: string): boolean {
  return protocol.length >= prefix.length && protocol.slice(0, prefix.length).toLowerCase() === prefix;
}

/** The token of such a subprotocol, one char a byte; undefined unless it is unpadded base64url of UTF-8, and not empty. */
export function parseBearerProtocol(protocol: string): string | undefined {
  if (!protocol.startsWith(prefix)) return undefined;
  const encoded = protocol.slice(prefix.length);
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== encoded) return undefined;
  return bytes.equals(Buffer.from(bytes.toString('utf8'))) ? bytes.toString('latin1') : undefined;
}

/** The value of a Sec-WebSocket-Protocol header without bearer tokens; undefined when nothing is left of it. */
export function withoutBearerProtocol(value: string): string | undefined {
  if (!value.toLowerCase().includes(prefix)) return value;
  const kept = value.split(',').filter(protocol => !hasBearerProtocolPrefix(protocol.trim()));
  return kept.length === 0 ? undefined : kept.join(',').trim();
}
