import type { UserInfo } from '../kubernetes/user-info.js';
import { type ImpersonationOverrides, isSet } from './overrides.js';
import type { AuthInfo } from './types.js';

/**
 * Resolves the impersonation by client-go's rules: --as and --as-uid win over the kubeconfig's values, --as-group replaces its list of
 * groups, and --as-user-extra replaces its values for each key. As in client-go, uid, groups and extra need a user. A value that no header
 * can carry unchanged is a problem here. client-go fails at each request, or trims the value. Capital letters in keys of extra are small ones,
 * as the API server reads them from client-go. Undefined without a user.
 */
export function resolveImpersonation(
  { label, value: user }: { readonly label: string; readonly value: AuthInfo },
  { as, asUid, asGroup = [], asUserExtra = [] }: ImpersonationOverrides,
  problems: string[],
): UserInfo | undefined {
  const checked = (value: string, where: string): string => {
    checkValue(value, where, problems);
    return value;
  };
  const username = isSet(as) ? checked(as, '--as') : checked(user.as ?? '', `as of ${label}`);
  const uid = isSet(asUid) ? checked(asUid, '--as-uid') : checked(user['as-uid'] ?? '', `as-uid of ${label}`);
  const groups =
    asGroup.length > 0
      ? asGroup.map(group => checked(group, '--as-group'))
      : (user['as-groups'] ?? []).map(group => checked(group, `as-groups of ${label}`));
  const extra = new Map<string, readonly string[]>();
  const add = (name: string, values: readonly string[], where: string): void => {
    for (const value of values) checkValue(value, `${where}: a value of ${JSON.stringify(name)}`, problems);
    const key = name.replace(/[A-Z]/g, letter => letter.toLowerCase());
    extra.set(key, [...(extra.get(key) ?? []), ...values]);
  };
  const fromFlags = readPairs(asUserExtra, problems);
  for (const [key, values] of Object.entries(user['as-user-extra'] ?? {})) {
    const where = `as-user-extra of ${label}`;
    if (key === '') problems.push(`${where} has an empty key`);
    if (!fromFlags.has(key)) add(key, values, where);
  }
  for (const [key, values] of fromFlags) add(key, values, '--as-user-extra');

  if (username !== '') return { username, uid: uid === '' ? undefined : uid, groups, extra };
  if (uid !== '' || groups.length > 0 || extra.size > 0) {
    problems.push(
      `${label} asks for a uid, groups or user-extra without impersonating a user; set as, or pass --as`,
    );
  }
  return undefined;
}

/** The values of `--as-user-extra` by their keys. */
function readPairs(pairs: readonly string[], problems: string[]): Map<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  for (const [index, pair] of pairs.entries()) {
    const end = pair.indexOf('=');
    const key = pair.slice(0, end);
    if (end < 1) problems.push(`--as-user-extra: value ${index + 1} of ${pairs.length} is not KEY=VALUE`);
    else values.set(key, [...(values.get(key) ?? []), pair.slice(end + 1)]);
  }
  return values;
}

/** RFC 9110, section 5.5: no control characters except the tab, and no space at either end, which receivers remove. */
function checkValue(value: string, where: string, problems: string[]): void {
  if (Array.from(value).some(isControl)) {
    problems.push(`${where} has a line break or another control character, which a header cannot carry`);
  } else if (/^[ \t]|[ \t]$/.test(value)) {
    problems.push(`${where} begins or ends with a space, which a header cannot carry`);
  }
}

function isControl(character: string): boolean {
  return (character < ' ' && character !== '\t') || character === '\x7f';
}
