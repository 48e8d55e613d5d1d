import type { UserInfo } from '../../kubernetes/user-info.js';
import { AuthenticationError } from '../authentication-error.js';

/** How the claims of a token become a user; prefixes are as they are put in front. */
export interface ClaimMapping {
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  /** Empty for no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  /** Claims that a token must have, with their values. */
  readonly requiredClaims: ReadonlyMap<string, string>;
}

type Claims = Readonly<Record<string, unknown>>;

/**
 * The user whom verified claims stand for, as the API server reads them (k8s.io/apiserver `token/oidc`), but for distributed claims
 * (OpenID Connect Core 1.0, section 5.6.2), which are not fetched: their user is in no group of theirs. Throws an
 * AuthenticationError when the claims are not what is asked for.
 */
export function userOfClaims(claims: Claims, mapping: ClaimMapping): UserInfo {
  for (const [name, value] of mapping.requiredClaims) {
    if (own(claims, name) !== value) {
      throw new AuthenticationError(
        `the claim ${JSON.stringify(name)} is not as --oidc-required-claim wants it`,
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
      `the claim ${JSON.stringify(name)} for the user's name is missing, empty or no text`,
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
    `the claim ${JSON.stringify(name)} for groups is neither a text nor a list of texts`,
  );
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
