import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { defineOptions } from '../lib/option.js';
import { names } from '../lib/value-type.js';

/** Says for the log why a credential is invalid. A client only learns that it is. The message contains no part of the credential. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** Whether the same credential may soon be valid, so that the failure must not be cached. */
  readonly isPassing: boolean;

  constructor(
    message: string,
    { isPassing = false, ...options }: ErrorOptions & { isPassing?: boolean } = {},
  ) {
    super(message, options);
    this.isPassing = isPassing;
  }
}

/** A known user who may not act through this proxy: a 403 whose message says why. */
export class IdentityError extends StatusError {
  constructor(message: string) {
    super(403, message);
  }
}

/** Which users a method may authenticate. */
export interface IdentityRules {
  /** Names and groups of the system that are allowed nevertheless: `--allow-system-identities`. */
  readonly allowed: ReadonlySet<string>;
  /** Whether service accounts are allowed: only the cluster itself can authenticate them. */
  readonly serviceAccounts: boolean;
}

/** The options that all methods share. */
export const identity = {
  options: defineOptions('Authentication', {
    allowSystemIdentities: {
      type: names,
      default: '',
      help: 'Names and groups beginning with system: or kubeadm: that callers may have, such as system:masters.',
    },
  }),
};

const authenticated = 'system:authenticated';
const serviceAccount = /^system:serviceaccount:([^:]+):[^:]+$/;

/**
 * The user that requests are sent as. The user is in `system:authenticated`, and has no other name or group that Kubernetes reserves: an
 * issuer that controls a group claim must not be able to create administrators. Throws an AuthenticationError for the anonymous user.
 * Throws an IdentityError for all other users that are not allowed, and for those that no header can name exactly: an API server would read
 * " system:masters" as system:masters, and an empty name as the proxy's own identity.
 */
export function admitUser(user: UserInfo, rules: IdentityRules): UserInfo {
  const { username, uid = '', groups, extra, expires } = user;
  if (username === 'system:anonymous' || groups.includes('system:unauthenticated')) {
    throw new AuthenticationError('the credential identifies nobody (system:anonymous)');
  }
  if (username === '') throw new IdentityError('the credential identifies a user without a name');
  for (const value of [username, uid, ...groups]) checkValue(value);
  for (const [key, values] of extra) {
    if (key === '') throw new IdentityError('the user has an extra field without a name');
    for (const value of values) checkValue(value);
  }
  const namespace = rules.serviceAccounts ? serviceAccount.exec(username)?.[1] : undefined;
  if (isSystem(username) && namespace === undefined && !rules.allowed.has(username)) {
    throw refusal('user', username);
  }
  for (const group of groups) {
    const isOwn =
      namespace !== undefined &&
      (group === 'system:serviceaccounts' || group === `system:serviceaccounts:${namespace}`);
    if (isSystem(group) && group !== authenticated && !isOwn && !rules.allowed.has(group)) {
      throw refusal('group', group);
    }
  }
  return {
    username,
    uid: uid === '' ? undefined : uid,
    groups: [...new Set(groups.filter(group => group !== '' && group !== authenticated)), authenticated],
    extra,
    ...(expires !== undefined && { expires }),
  };
}

/**
 * The prefix that Kubernetes reserves (`system:`), and that of kubeadm: since Kubernetes 1.29 it makes the group `kubeadm:cluster-admins` an
 * administrator.
 */
function isSystem(name: string): boolean {
  return name.startsWith('system:') || name.startsWith('kubeadm:');
}

function refusal(kind: string, name: string): IdentityError {
  return new IdentityError(
    `${kind} ${JSON.stringify(name.slice(0, 200))} is reserved by Kubernetes and not accepted from callers; ` +
      'allow it with --allow-system-identities',
  );
}

/** RFC 9110, section 5.5: no control character, and no space at either end, which a receiver would strip. */
function checkValue(value: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression searches for them
  if (/[\x00-\x1f\x7f]|^ | $/.test(value)) {
    throw new IdentityError(
      "the user's name, uid, a group or an extra field has a control character, or a space at its start or end, " +
        'which no impersonation header can carry',
    );
  }
}
