import { AuthenticationError, IdentityError, sizeProblem } from '../../authentication/identity.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { JsonObject } from '../../lib/json.js';
import type { Expression } from './expressions.js';

/** Where a field of the user comes from. The prefix is used without change. */
export type Source = { readonly claim: string; readonly prefix: string } | Expression;

/** A condition that must hold, and what the log says if it does not. */
export interface Rule {
  readonly expression: Expression;
  readonly message: string;
}

/** How the claims of a token are mapped to a user. */
export interface ClaimMapping {
  readonly username: Source;
  /** Undefined if users have no groups. */
  readonly groups: Source | undefined;
  readonly uid: Source | undefined;
  readonly extra: readonly { readonly key: string; readonly value: Expression }[];
  /** Claims that a token must have, each with its value. */
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly claimRules: readonly Rule[];
  readonly userRules: readonly Rule[];
}

/** The extra field with the ID of a token, for audit logs (KEP-4193). */
const credentialId = 'authentication.kubernetes.io/credential-id';

/**
 * Maps verified claims to a user, as the API server does (k8s.io/apiserver `token/oidc`). Distributed claims (OpenID Connect Core 1.0,
 * section 5.6.2) are not fetched: the user is in none of their groups. Throws an error that has no part of the token if the claims do not
 * meet the mapping, and an IdentityError for a user who is too large.
 */
export function userOfClaims(claims: JsonObject, mapping: ClaimMapping): UserInfo {
  const user = {
    username: usernameOf(claims, mapping.username),
    uid: mapping.uid && uidOf(claims, mapping.uid),
    groups: mapping.groups === undefined ? [] : groupsOf(claims, mapping.groups),
    extra: extraOf(claims, mapping),
  };
  for (const [name, value] of mapping.requiredClaims) {
    const found = own(claims, name);
    // Go reads null as an empty string.
    if ((found === null ? '' : found) !== value) {
      throw new AuthenticationError(`the claim ${JSON.stringify(name)} does not have the required value`);
    }
  }
  checkRules(mapping.claimRules, claims);
  const problem = sizeProblem(user);
  if (problem !== undefined) throw new IdentityError(problem);
  const { username, uid = '', groups, extra } = user;
  checkRules(mapping.userRules, { username, uid, groups, extra: Object.fromEntries(extra) });
  return user;
}

function usernameOf(claims: JsonObject, source: Source): string {
  if ('text' in source) {
    const name = source.evaluateString(claims);
    if (name === '') throw new AuthenticationError(`${quoted(source)} is an empty name`);
    return name;
  }
  const value = own(claims, source.claim);
  if (typeof value !== 'string' || value === '') {
    throw new AuthenticationError(
      `the claim ${JSON.stringify(source.claim)} for the user's name is missing, empty or not a string`,
    );
  }
  if (source.claim === 'email') {
    const verified = own(claims, 'email_verified');
    if (verified !== undefined && verified !== true)
      throw new AuthenticationError('the email is not verified');
  }
  return source.prefix + value;
}

function uidOf(claims: JsonObject, source: Source): string {
  if ('text' in source) return source.evaluateString(claims);
  const value = own(claims, source.claim);
  if (value === null) return '';
  if (typeof value === 'string') return value;
  throw new AuthenticationError(
    `the claim ${JSON.stringify(source.claim)} for the uid is missing or not a string`,
  );
}

function groupsOf(claims: JsonObject, source: Source): readonly string[] {
  if ('text' in source) return source.evaluateStrings(claims);
  const value = own(claims, source.claim);
  if (value === undefined || value === null) return [];
  const groups: readonly unknown[] = Array.isArray(value) ? value : [value];
  return groups.map(group => {
    if (typeof group === 'string') return source.prefix + group;
    throw new AuthenticationError(
      `the claim ${JSON.stringify(source.claim)} for groups is neither a string nor a list of strings`,
    );
  });
}

function extraOf(claims: JsonObject, { extra }: ClaimMapping): ReadonlyMap<string, readonly string[]> {
  const id = own(claims, 'jti');
  const values = extra.map(({ key, value }) => [key, value.evaluateStrings(claims)] as const);
  return new Map([
    ...(typeof id === 'string' && id !== '' ? [[credentialId, [`JTI=${id}`]] as const] : []),
    ...values.filter(([, strings]) => strings.length > 0),
  ]);
}

function checkRules(rules: readonly Rule[], input: JsonObject): void {
  for (const { expression, message } of rules) {
    if (expression.evaluateBool(input)) continue;
    throw new AuthenticationError(`${quoted(expression)} is false${message === '' ? '' : `: ${message}`}`);
  }
}

function quoted({ text }: Expression): string {
  return `the expression ${JSON.stringify(text)}`;
}

function own(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
