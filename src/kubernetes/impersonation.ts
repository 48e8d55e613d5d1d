import { unescapedText, utf8Text } from '../http/percent-encoding.js';
import type { UserInfo } from './user-info.js';

/** How the fields of an impersonation begin, as the API server reads them: their names in lower case. */
export const impersonationPrefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';

/** The fields with which a request impersonates a user: names, and values in Unicode. */
function* fieldsOf({
  username,
  uid,
  groups,
  extra,
  isSentByName,
}: UserInfo): Generator<readonly [name: string, value: string]> {
  yield ['Impersonate-User', username];
  if (isSentByName) return;
  if (uid !== undefined) yield ['Impersonate-Uid', uid];
  for (const group of groups) yield ['Impersonate-Group', group];
  for (const [key, values] of extra) {
    const name = canonicalName(`Impersonate-Extra-${escapeKey(key)}`);
    for (const value of values) yield [name, value];
  }
}

/**
 * Whether the header fields of a user have more bytes than this, as HTTP/2 counts them (RFC 9113, section 6.5.2). Reads no more than so many
 * bytes.
 */
export function takesMoreThan(mostBytes: number, user: UserInfo): boolean {
  let total = 0;
  for (const [name, value] of fieldsOf(user)) {
    total += name.length + Buffer.byteLength(value) + 32;
    if (total > mostBytes) return true;
  }
  return false;
}

const made = new WeakMap<UserInfo, readonly string[]>();

/**
 * The headers with which a request impersonates this user, as a flat list of names and values (client-go's
 * `transport.impersonatingRoundTripper`). They are made once for each `UserInfo`. Each character of a value is one byte of its UTF-8 form:
 * Node and undici write headers as Latin-1, so the API server gets the bytes that client-go would send.
 */
export function impersonationOf(user: UserInfo): readonly string[] {
  let headers = made.get(user);
  if (headers === undefined) {
    const fields: string[] = [];
    for (const [name, value] of fieldsOf(user)) fields.push(name, utf8Bytes(value));
    // A copy has no room for more fields.
    headers = fields.slice();
    made.set(user, headers);
  }
  return headers;
}

const credentialIdField = 'Impersonate-Extra-Authentication.kubernetes.io%2fcredential-Id';

/**
 * What Impersonate-* fields (name, value, …) say about the user. The ID of the credential is left out: it differs after each rotation, and is
 * for audit logs (KEP-4193).
 */
export function userOfImpersonation(
  headers: readonly string[] | 'configured',
): readonly string[] | 'configured' {
  if (headers === 'configured') return headers;
  return headers.filter((_, index) => headers[index - (index % 2)] !== credentialIdField);
}

/**
 * Names of impersonation headers. Any character may replace the hyphen: CGI turns hyphens into underscores, and a program behind the proxy
 * may do so too.
 */
const impersonationField = /^impersonate(?:[^a-z0-9]|$)/i;

/** Whether a request with these headers (Node's `rawHeaders`) asks for any kind of impersonation. */
export function hasImpersonationHeader(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (impersonationField.test(rawHeaders[index] as string)) return true;
  }
  return false;
}

/** The user whom the headers of a request name, read as the API server reads them; undefined if there is no name. */
export function namedUser(rawHeaders: readonly string[]): UserInfo | undefined {
  let username: string | undefined;
  let uid: string | undefined;
  const groups: string[] = [];
  const extra = new Map<string, string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.charCodeAt(0) !== 0x49 && name.charCodeAt(0) !== 0x69) continue;
    const key = name.toLowerCase();
    const value = utf8Text(rawHeaders[index + 1] as string);
    if (key === 'impersonate-user') username ??= value;
    else if (key === 'impersonate-uid') uid ??= value;
    else if (key === 'impersonate-group') groups.push(value);
    else if (key.startsWith(extraPrefix)) {
      const field = unescapeKey(key.slice(extraPrefix.length));
      const values = extra.get(field);
      if (values === undefined) extra.set(field, [value]);
      else values.push(value);
    }
  }
  return username === undefined || username === '' ? undefined : { username, uid, groups, extra };
}

/** The user whom a request with these headers impersonates, with the groups that the API server adds; undefined without impersonation. */
export function impersonatedUser(rawHeaders: readonly string[]): UserInfo | undefined {
  const named = namedUser(rawHeaders);
  return named && { ...named, groups: withImpliedGroups(named.username, named.groups) };
}

/** A service account whose namespace and name are valid (apiserver `serviceaccount.SplitUsername`). */
const serviceAccount =
  /^system:serviceaccount:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):(?=.{1,253}$)([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)$/;

/** The service account of a user name; undefined if the API server takes the name for one of another user. */
export function serviceAccountOf(
  username: string,
): { readonly namespace: string; readonly name: string } | undefined {
  const match = serviceAccount.exec(username);
  return match === null ? undefined : { namespace: match[1] as string, name: match[2] as string };
}

/**
 * Adds what the API server adds to an impersonated user's groups (apiserver `WithImpersonation`): those of a service account if no group is
 * named, and the group of all users who are authenticated, or of the anonymous one.
 */
function withImpliedGroups(username: string, named: readonly string[]): readonly string[] {
  const namespace = named.length === 0 ? serviceAccountOf(username)?.namespace : undefined;
  const groups =
    namespace === undefined ? named : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  if (groups.includes('system:unauthenticated')) return groups;
  if (username === 'system:anonymous') return [...groups, 'system:unauthenticated'];
  return groups.includes('system:authenticated') ? groups : [...groups, 'system:authenticated'];
}

/** The reverse of `escapeKey`. Other characters remain, as in the API server. */
function unescapeKey(key: string): string {
  return unescapedText(key) ?? key;
}

/** Text in ASCII is the same, and needs no copy for each user. */
function utf8Bytes(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * Every byte that a header name cannot contain (RFC 9110, `token`), and `%` itself, becomes %XX, as in client-go's `headerKeyEscape`. So do
 * capital letters: the API server makes the name lower case and decodes it then, so that two keys would become one.
 */
function escapeKey(key: string): string {
  return utf8Bytes(key).replace(
    /[^!#$&'*+\-.0-9^_`a-z|~]/g,
    byte => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** net/http's canonical form, which client-go sends: a capital letter at the start and after each hyphen, and no others. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, start => start.toUpperCase());
}
