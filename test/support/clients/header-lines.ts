/** The values of a field of this name, in lower case, in a list of names and values. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

/** The names and values of the fields that say who somebody is. */
export function identityHeaders(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) =>
    /^(impersonate-|authorization|x-remote)/i.test(rawHeaders[index - (index % 2)] ?? ''),
  );
}

/** The WebSocket subprotocol with a token, as browsers send it. */
export function tokenProtocol(token: string): string {
  return `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
}
