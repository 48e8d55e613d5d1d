import type { UserInfo } from '../../kubernetes/user-info.js';
import { AuthenticationError } from '../identity.js';

/** How the claims of a token are mapped to a user. The prefixes are used without change. */
export interface ClaimMapping {
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  /** Empty if users have no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  /** Claims that a token must have, each with its value. */
  readonly requiredClaims: ReadonlyMap<string, string>;
}

type Claims = Readonly<Record<string, unknown>>;

/**
 * Maps verified claims to a user, as the API server does (k8s.io/apiserver `token/oidc`). Distributed claims (OpenID Connect Core 1.0,
 * section 5.6.2) are not fetched: the user is in none of their groups. Throws an AuthenticationError if the claims do not meet the mapping.
 */
export function userOfClaims(claims: Claims, mapping: ClaimMapping): UserInfo {
  for (const [name, value] of mapping.requiredClaims) {
    if (own(claims, name) !== value) {
      throw new AuthenticationError(
        `the claim ${JSON.stringify(name)} does not have the value of --oidc-required-claim`,
      );
    }
  }
  return {
    username: mapping.usernamePrefix + usernameOf(claims, mapping.usernameClaim),
    uid: undefined,
    groups: groupsOf(claims, mapping.groupsClaim).map(group => mapping.groupsPrefix + group),
    extra: new Map(),
  };
}

function usernameOf(claims: Claims, name: string): string {
  const value = own(claims, name);
  if (typeof value !== 'string' || value === '') {
    throw new AuthenticationError(
      `the claim ${JSON.stringify(name)} for the user's name is missing, empty or not a string`,
    );
  }
  if (name === 'email') {
    const verified = own(claims, 'email_verified');
    if (verified !== undefined && verified !== true)
      throw new AuthenticationError('the email is not verified');
  }
  return value;
}

function groupsOf(claims: Claims, name: string): readonly string[] {
  const value = name === '' ? undefined : own(claims, name);
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value;
  throw new AuthenticationError(
    `the claim ${JSON.stringify(name)} for groups is neither a string nor a list of strings`,
  );
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
