/** Whether a header can carry a string as a bearer token: it has no space or control character. RFC 6750 allows even fewer characters. */
export function isBearerToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
