const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The claims of a JSON Web Token. The API server verifies the token, the proxy does not. Undefined if the text is not a JWT that a header
 * can carry.
 */
export function readClaims(token: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return undefined;
  try {
    // A library would take 8 MB of memory for these two lines.
    const claims: unknown = JSON.parse(utf8.decode(Buffer.from(token.split('.')[1] ?? '', 'base64url')));
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
    return claims as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Reads when an OpenID Connect id-token expires: its `exp`, or undefined without one. Returns undefined for what is no token, as `readClaims`. */
export function readIdToken(token: string): { readonly expires: Date | undefined } | undefined {
  const claims = readClaims(token);
  if (claims === undefined) return undefined;
  const { exp } = claims as { exp?: unknown };
  const expires = typeof exp === 'number' ? new Date(exp * 1000) : undefined;
  return { expires: expires === undefined || Number.isNaN(expires.getTime()) ? undefined : expires };
}
