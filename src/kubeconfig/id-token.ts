import { type JsonObject, parseObject } from '../lib/json.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The claims of a JSON Web Token. They are not verified here: the API server does that. Undefined if the string is not a JWT that a header
 * can carry.
 */
export function readClaims(token: string): JsonObject | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return undefined;
  try {
    return parseObject(utf8.decode(Buffer.from(token.split('.')[1] ?? '', 'base64url')));
  } catch {
    return undefined;
  }
}

/**
 * Reads the expiry of an OpenID Connect ID token: its `exp`, or undefined if it has none. Returns undefined if the string is not a token,
 * like `readClaims`.
 */
export function readIdToken(token: string): { readonly expires: Date | undefined } | undefined {
  const claims = readClaims(token);
  if (claims === undefined) return undefined;
  const { exp } = claims as { exp?: unknown };
  const expires = typeof exp === 'number' ? new Date(exp * 1000) : undefined;
  return { expires: expires === undefined || Number.isNaN(expires.getTime()) ? undefined : expires };
}
