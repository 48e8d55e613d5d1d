/**
 * Why a string is not the URL of an OpenID Connect issuer (OpenID Connect Discovery 1.0, section 3: https, without query and fragment);
 * undefined if it is one. The problem is one line, which begins with `where`. It quotes only a URL that can be parsed and has no user,
 * because any part of another string may be a password. An @ anywhere counts as the end of one: a / ? or # in a password ends the host for
 * every parser.
 */
export function issuerProblem(text: string, where: string): string | undefined {
  if (text.includes('@')) return `${where} has an @ in it; an issuer has no user name and no password`;
  if (/[\s\\]/.test(text) || !URL.canParse(text)) return `${where} is not a URL`;
  if (/[?#]/.test(text)) return `${where} has a query or a fragment`;
  if (new URL(text).protocol === 'https:') return undefined;
  return `${where}: ${JSON.stringify(text)} is not https://`;
}
