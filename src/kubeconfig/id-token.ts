const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads when an OpenID Connect id-token expires: its `exp`, or undefined without one. The API server verifies the token, the proxy does
 * not. Returns undefined if the text is not a JWT that a header can carry.
 */
export function readIdToken(token: string): { readonly expires: Date | undefined } | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return undefined;
  try {
    // A library would take 8 MB of memory for these two lines.
    const claims: unknown = JSON.parse(utf8.decode(Buffer.from(token.split('.')[1] ?? '', 'base64url')));
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
    const { exp } = claims as { exp?: unknown };
    const expires = typeof exp === 'number' ? new Date(exp * 1000) : undefined;
    return { expires: expires === undefined || Number.isNaN(expires.getTime()) ? undefined : expires };
  } catch {
    return undefined;
  }
}
