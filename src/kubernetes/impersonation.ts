import type { UserInfo } from './user-info.js';

/** Whom requests act as, beside the identity that authenticates: client-go's `rest.ImpersonationConfig`. */
export interface Impersonation {
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** Further attributes of the user; the API server takes the keys in lower case. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

const prefix = 'impersonate-';

/**
 * The headers that ask for an impersonation, as a flat list of names and values (client-go's
 * `transport.impersonatingRoundTripper`). A character of a value is one byte of its UTF-8 form, for Node and undici
 * write headers as Latin-1: the API server gets the bytes that client-go would send.
 */
export function impersonationHeaders({ user, uid, groups, extra }: Impersonation): string[] {
  const headers = ['Impersonate-User', utf8Bytes(user)];
  if (uid !== undefined) headers.push('Impersonate-Uid', utf8Bytes(uid));
  for (const group of groups) headers.push('Impersonate-Group', utf8Bytes(group));
  for (const [key, values] of extra) {
    const name = canonicalName(`Impersonate-Extra-${escapeKey(key)}`);
    for (const value of values) headers.push(name, utf8Bytes(value));
  }
  return headers;
}

const made = new WeakMap<UserInfo, readonly string[]>();

/** The headers that have a request act as this user, made once for each `UserInfo`. */
export function impersonationOf(user: UserInfo): readonly string[] {
  let headers = made.get(user);
  if (headers === undefined) {
    const { username, uid, groups, extra } = user;
    headers = impersonationHeaders({ user: username, groups, extra, ...(uid === undefined ? {} : { uid }) });
    made.set(user, headers);
  }
  return headers;
}

/** Whether a request, by its headers as Node's `rawHeaders` has them, asks for any kind of impersonation. */
export function hasImpersonationHeader(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length >= prefix.length && name.slice(0, prefix.length).toLowerCase() === prefix) return true;
  }
  return false;
}

function utf8Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** client-go's `headerKeyEscape`: every byte that a header name cannot have (RFC 9110, `token`), and `%` itself, as %XX. */
function escapeKey(key: string): string {
  return utf8Bytes(key).replace(
    /[^!#$&'*+\-.0-9A-Z^_`a-z|~]/g,
    byte => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** net/http's canonical form, which is what client-go sends: capitals first and after a hyphen, and nowhere else. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, start => start.toUpperCase());
}
