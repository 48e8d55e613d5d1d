/** Whether a header can carry a text as a bearer token, which has no space to end it; RFC 6750 allows fewer characters still. */
export function isBearerToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
