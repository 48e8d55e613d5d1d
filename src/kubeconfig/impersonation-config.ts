import type { UserInfo } from '../kubernetes/user-info.js';
import { type ImpersonationOverrides, isSet } from './overrides.js';
import type { AuthInfo } from './types.js';

/** A value, and where it comes from. */
interface Stated<T> {
  readonly value: T;
  readonly where: string;
}

/**
 * Resolves the impersonation by client-go's rules: --as and --as-uid win over the kubeconfig's values, --as-group replaces its list of
 * groups, and --as-user-extra replaces its values for each key. As in client-go, uid, groups and extra need a user. A value that no header
 * can carry unchanged is a problem here. client-go fails at each request, or trims the value. Capital letters in keys of extra are small ones,
 * as the API server reads them from client-go. Undefined without a user.
 */
export function resolveImpersonation(
  user: { readonly label: string; readonly value: AuthInfo },
  overrides: ImpersonationOverrides,
  problems: string[],
): UserInfo | undefined {
  const name = firstSet(overrides.as, '--as', user.value.as, `as of ${user.label}`);
  const uid = firstSet(overrides.asUid, '--as-uid', user.value['as-uid'], `as-uid of ${user.label}`);
  const groups = resolveGroups(user, overrides);
  const extra = resolveExtra(user, overrides, problems);

  for (const { value, where } of [name, uid]) checkValue(value, where, problems);
  for (const value of groups.value) checkValue(value, groups.where, problems);
  for (const [key, { value: values, where }] of extra) {
    for (const value of values) checkValue(value, `${where}: a value of ${JSON.stringify(key)}`, problems);
  }
  const hasMore = uid.value !== '' || groups.value.length > 0 || extra.size > 0;
  if (name.value === '' && hasMore) {
    problems.push(
      `${user.label} asks for a uid, groups or user-extra without impersonating a user; set as, or pass --as`,
    );
  }
  if (name.value === '') return undefined;
  return {
    username: name.value,
    uid: uid.value === '' ? undefined : uid.value,
    groups: groups.value,
    extra: inLowerCase(extra),
  };
}

function inLowerCase(extra: ReadonlyMap<string, Stated<readonly string[]>>): Map<string, readonly string[]> {
  const merged = new Map<string, readonly string[]>();
  for (const [key, { value }] of extra) {
    const lower = key.replace(/[A-Z]/g, letter => letter.toLowerCase());
    merged.set(lower, [...(merged.get(lower) ?? []), ...value]);
  }
  return merged;
}

function firstSet(
  flag: string | undefined,
  flagName: string,
  field: string | undefined,
  fieldName: string,
): Stated<string> {
  return isSet(flag) ? { value: flag, where: flagName } : { value: field ?? '', where: fieldName };
}

function resolveGroups(
  user: { readonly label: string; readonly value: AuthInfo },
  { asGroup = [] }: ImpersonationOverrides,
): Stated<readonly string[]> {
  if (asGroup.length > 0) return { value: asGroup, where: '--as-group' };
  return { value: user.value['as-groups'] ?? [], where: `as-groups of ${user.label}` };
}

function resolveExtra(
  user: { readonly label: string; readonly value: AuthInfo },
  { asUserExtra = [] }: ImpersonationOverrides,
  problems: string[],
): Map<string, Stated<readonly string[]>> {
  const where = `as-user-extra of ${user.label}`;
  const extra = new Map<string, Stated<readonly string[]>>();
  for (const [key, value] of Object.entries(user.value['as-user-extra'] ?? {})) {
    if (key === '') problems.push(`${where} has an empty key`);
    extra.set(key, { value, where });
  }
  const fromFlags = new Map<string, string[]>();
  for (const [index, pair] of asUserExtra.entries()) {
    const end = pair.indexOf('=');
    if (end < 1) {
      problems.push(`--as-user-extra: value ${index + 1} of ${asUserExtra.length} is not KEY=VALUE`);
      continue;
    }
    const key = pair.slice(0, end);
    fromFlags.set(key, [...(fromFlags.get(key) ?? []), pair.slice(end + 1)]);
  }
  for (const [key, value] of fromFlags) extra.set(key, { value, where: '--as-user-extra' });
  return extra;
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
