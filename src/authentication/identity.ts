import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { defineOptions } from '../lib/option.js';
import { names } from '../lib/value-type.js';
import { AuthenticationError } from './authentication-error.js';

/** A user who is known and may not act through this proxy: a 403 that says why. */
export class IdentityError extends StatusError {
  constructor(message: string) {
    super(403, message);
  }
}

/** Whom a method of authentication may find. */
export interface IdentityRules {
  /** Names and groups that begin with `system:` and are allowed all the same: `--allow-system-identities`. */
  readonly allowed: ReadonlySet<string>;
  /** Whether service accounts are among them: only the cluster itself knows those. */
  readonly serviceAccounts: boolean;
}

/** What all methods have in common. */
export const identity = {
  options: defineOptions('Authentication', {
    allowSystemIdentities: {
      type: names,
      default: '',
      help: 'Names and groups beginning with system: that callers may have, such as system:masters.',
    },
  }),
};

const authenticated = 'system:authenticated';
const serviceAccount = /^system:serviceaccount:([^:]+):[^:]+$/;

/**
 * The user as whom requests are sent: in `system:authenticated`, and in nothing else that Kubernetes keeps for itself, for whoever writes a
 * group claim must not make an administrator. Throws an IdentityError for all others, among them those whom no header could name
 * exactly: an API server would take " system:masters" for system:masters, and an empty name for the proxy's own.
 * Throws an AuthenticationError for nobody.
 */
export function admitUser(user: UserInfo, rules: IdentityRules): UserInfo {
  const { username, uid = '', groups, extra, expires } = user;
  if (username === 'system:anonymous' || groups.includes('system:unauthenticated')) {
    throw new AuthenticationError('the credential stands for nobody (system:anonymous)');
  }
  if (username === '') throw new IdentityError('the credential stands for a user without a name');
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

function isSystem(name: string): boolean {
  return name.startsWith('system:');
}

function refusal(kind: string, name: string): IdentityError {
  return new IdentityError(
    `${kind} ${JSON.stringify(name.slice(0, 200))} is Kubernetes' own and not accepted from callers; ` +
      'allow it with --allow-system-identities',
  );
}

/** RFC 9110, section 5.5: no control characters, and no space at either end, which a receiver takes off. */
function checkValue(value: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]|^ | $/.test(value)) {
    throw new IdentityError(
      "the user's name, uid, a group or an extra field has a control character or a space at an end, " +
        'which no impersonation header can carry',
    );
  }
}
