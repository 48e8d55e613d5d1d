import { serviceAccountOf, takesMoreThan } from '../kubernetes/impersonation.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool, names, texts } from '../lib/value-type.js';
import type { AcceptedGroups } from './accepted-groups.js';

/** Says for the log why a credential is invalid. A client only learns that it is. The message contains no part of the credential. */
export class AuthenticationError extends Error {
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

/** Nobody could tell whose the credential is, and a stranger must not learn even that: the answer is that to an invalid one. */
export class UndecidedError extends AuthenticationError {
  constructor(cause: StatusError) {
    super('nobody could tell whose the credential is', { cause });
  }
}

/** A known user who may not act through this proxy, or a user that nobody may act as: a 403 whose message says why. */
export class IdentityError extends StatusError {
  constructor(message: string) {
    super(403, message);
  }
}

/** Which users a method may authenticate, or which users callers may act as. */
export interface IdentityRules {
  /** Names and groups of the system that are allowed nevertheless: `--allow-system-identities`. */
  readonly allowed: ReadonlySet<string>;
  /** Whether service accounts are allowed: only the cluster itself can authenticate them, and say who may act as them. */
  readonly serviceAccounts: boolean;
}

/** Which users a method may authenticate, and what is left out of them. */
export interface CallerRules extends IdentityRules {
  /** Undefined if callers keep all their groups. */
  readonly accepted?: AcceptedGroups | undefined;
  /** Whether service accounts are sent by their names alone: `--service-accounts-by-name`. */
  readonly serviceAccountsByName?: boolean;
}

/** The options that all methods share. */
export const identity = {
  options: defineOptions('Authentication', {
    allowSystemIdentities: {
      type: names,
      default: '',
      help: 'Names and groups beginning with system: or kubeadm: that callers may have or act as, such as system:masters.',
    },
    acceptGroup: {
      type: texts('GROUP'),
      default: '',
      help: 'Group that callers keep, besides those that Kubernetes gives; all other ones are left out. By default they keep all. It can be repeated.',
    },
    serviceAccountsByName: {
      type: bool,
      default: 'false',
      help: 'Send service accounts without groups, uid and extra fields, as constrained impersonation needs it.',
    },
    allowImpersonation: {
      type: bool,
      default: 'false',
      help: 'Let callers act as other users (kubectl --as), where the API server lets the caller impersonate them.',
    },
  }),
};

/** The values of these options. */
export type IdentityOptions = OptionValues<typeof identity.options>;

const authenticated = 'system:authenticated';

/**
 * The most bytes of header fields that name a user. An API server takes 1 MB of them, and ends a connection with more (net/http): that of
 * other users' watches too.
 */
const mostBytes = 256 * 1024;

/** What is wrong with a user whose name, uid, groups and extra fields are too large to be sent; undefined if nothing is. */
export function sizeProblem(user: UserInfo): string | undefined {
  if (!takesMoreThan(mostBytes, user)) return undefined;
  return 'the user takes more than 256 KB of Impersonate-* header fields, and the API server gets no more';
}

/**
 * The user that requests are sent as. The user is in `system:authenticated`, and has no other name or group that Kubernetes reserves: an
 * issuer that controls a group claim must not be able to create administrators. Throws an AuthenticationError for the anonymous user.
 * Throws an IdentityError for all other users that are not allowed, and for those that no header can name exactly: an API server would read
 * " system:masters" as system:masters, and an empty name as the proxy's own identity. Only then are groups left out, so that a group that is
 * refused is not just left out.
 */
export function admitUser(known: UserInfo, rules: CallerRules): UserInfo {
  const { username, uid = '', groups, extra, expires } = known;
  if (username === 'system:anonymous' || groups.includes('system:unauthenticated')) {
    throw new AuthenticationError('the credential identifies nobody (system:anonymous)');
  }
  if (username === '') throw new IdentityError('the credential identifies a user without a name');
  if (extra.has('')) throw new IdentityError('the user has an extra field without a name');
  const admitted = {
    username,
    uid: uid === '' ? undefined : uid,
    groups: [...new Set(groups.filter(group => group !== '' && group !== authenticated)), authenticated],
    extra,
    ...(expires !== undefined && { expires }),
  };
  checkIdentity(admitted, rules);
  const user = rules.accepted?.leaveOutOthers(admitted) ?? admitted;
  return rules.serviceAccountsByName && isPlainServiceAccount(user) ? { ...user, isSentByName: true } : user;
}

/** Whether a user is a service account with exactly the groups that the API server gives to one that is named alone. */
function isPlainServiceAccount({ username, groups }: UserInfo): boolean {
  const account = serviceAccountOf(username);
  if (account === undefined) return false;
  const own = [...ownGroups(account), authenticated];
  return groups.length === own.length && own.every(group => groups.includes(group));
}

/** The groups of a service account, besides that of all who are authenticated. */
function ownGroups({ namespace }: { readonly namespace: string }): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

/**
 * Throws an IdentityError for a user who has a name or a group that Kubernetes reserves and the rules do not allow, who is too large, or whom
 * no header can name exactly. A service account, if the rules allow them, may have the groups of its own namespace.
 */
export function checkIdentity(user: UserInfo, rules: IdentityRules): void {
  const problem = sizeProblem(user);
  if (problem !== undefined) throw new IdentityError(problem);
  const { username, uid = '', groups, extra } = user;
  for (const value of [username, uid, ...groups, ...[...extra.values()].flat()]) checkValue(value);
  const reserved = reservedName(user, rules);
  if (reserved === undefined) return;
  throw new IdentityError(
    `${reserved} is reserved by Kubernetes and not accepted from callers; allow it with --allow-system-identities`,
  );
}

/** The name or the first group of a user that Kubernetes reserves and the rules do not allow, for a sentence; undefined if there is none. */
export function reservedName(
  { username, groups }: Pick<UserInfo, 'username' | 'groups'>,
  { allowed, serviceAccounts }: IdentityRules,
): string | undefined {
  const account = serviceAccounts ? serviceAccountOf(username) : undefined;
  if (isSystem(username) && account === undefined && !allowed.has(username)) return named('user', username);
  const own = account === undefined ? [authenticated] : [authenticated, ...ownGroups(account)];
  const group = groups.find(name => isSystem(name) && !own.includes(name) && !allowed.has(name));
  return group === undefined ? undefined : named('group', group);
}

/**
 * The prefix that Kubernetes reserves (`system:`), and that of kubeadm: since Kubernetes 1.29 it makes the group `kubeadm:cluster-admins` an
 * administrator.
 */
function isSystem(name: string): boolean {
  return name.startsWith('system:') || name.startsWith('kubeadm:');
}

function named(kind: string, name: string): string {
  return `${kind} ${JSON.stringify(name.slice(0, 200))}`;
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
