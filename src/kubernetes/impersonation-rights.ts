import { serviceAccountOf } from './impersonation.js';
import type { UserInfo } from './user-info.js';

/** A value of a user that its impersonator needs a right for: `ResourceAttributes` of authorization.k8s.io/v1. */
export interface ImpersonatedAttribute {
  readonly verb: string;
  readonly group: string;
  /** Without constrained impersonation the API server names none for users, groups and service accounts. */
  readonly version?: 'v1';
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

const authentication = { group: 'authentication.k8s.io', version: 'v1' } as const;

/**
 * The rights of the verb `impersonate` for this user, in the order in which the API server asks for them. Since Kubernetes 1.36, which has
 * constrained impersonation (KEP-5284), it asks in another order, and with a version (apiserver `impersonation.legacyImpersonationMode`,
 * before that `filters.WithImpersonation`).
 */
export function legacyRights(
  { username, uid = '', groups, extra }: UserInfo,
  hasConstrained: boolean,
): readonly ImpersonatedAttribute[] {
  const verb = 'impersonate';
  const core = hasConstrained ? ({ verb, group: '', version: 'v1' } as const) : { verb, group: '' };
  const other = { verb, ...authentication };
  const account = serviceAccountOf(username);
  const name =
    account === undefined
      ? { ...core, resource: 'users', name: username }
      : { ...core, resource: 'serviceaccounts', ...account };
  const uids = uid === '' ? [] : [{ ...other, resource: 'uids', name: uid }];
  const named = groups.map(group => ({ ...core, resource: 'groups', name: group }));
  const extras = [...extra].flatMap(([subresource, values]) =>
    values.map(value => ({ ...other, resource: 'userextras', subresource, name: value })),
  );
  return hasConstrained ? [name, ...uids, ...named, ...extras] : [name, ...named, ...extras, ...uids];
}

/** A node whose name is valid (apiserver `isNodeUsername`). */
const node =
  /^system:node:(?=.{1,253}$)([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)$/;

/** Rights that are held if each of them is, or the one to all values. */
interface RightSet {
  /** The right to all values, which the API server asks for first; undefined for fewer than four values. */
  readonly all: ImpersonatedAttribute | undefined;
  readonly each: readonly ImpersonatedAttribute[];
}

/** What constrained impersonation of one user takes, besides the right `impersonate-on:MODE:VERB` on the request. */
export interface ConstrainedRights {
  readonly mode: string;
  /** The rights of the verb `impersonate:MODE`, in the order in which the API server asks for them. The first is the one to the name. */
  readonly sets: readonly [RightSet, ...RightSet[]];
  /** What the API server never lets anybody impersonate in this way, whatever the rights are; undefined if there is nothing of that. */
  readonly impossible: string | undefined;
}

/** From so many groups, or values of extra fields, on, the API server asks for the right to all first (`manyAuthorizationChecksInLoop`). */
const many = 4;

/**
 * The rights of constrained impersonation for this user (apiserver `impersonation.constrainedImpersonationModeState`). Undefined for a user
 * without a mode: a service account or a node with more than its name.
 */
export function constrainedRights(user: UserInfo): ConstrainedRights | undefined {
  const { username, uid = '', groups, extra } = user;
  const account = serviceAccountOf(username);
  const [, nodeName] = node.exec(username) ?? [];
  if (account === undefined && nodeName === undefined) return userInfoRights(user);
  if (uid !== '' || groups.length > 0 || extra.size > 0) return undefined;
  const mode = account === undefined ? 'arbitrary-node' : 'serviceaccount';
  const value =
    account === undefined
      ? { resource: 'nodes', name: nodeName as string }
      : { resource: 'serviceaccounts', ...account };
  const right = { ...authentication, ...value, verb: `impersonate:${mode}` };
  return { mode, sets: [{ all: undefined, each: [right] }], impossible: undefined };
}

function userInfoRights(user: UserInfo): ConstrainedRights {
  const verb = 'impersonate:user-info';
  const rights = legacyRights(user, true).map(right => ({ ...right, ...authentication, verb }));
  const of = (resource: string) => rights.filter(right => right.resource === resource);
  const setOf = (resource: string, all: Partial<ImpersonatedAttribute>): RightSet => {
    const each = of(resource);
    const hasMany = each.length >= many;
    return { all: hasMany ? { ...authentication, verb, resource, name: '*', ...all } : undefined, each };
  };
  return {
    mode: 'user-info',
    sets: [
      { all: undefined, each: of('users') },
      { all: undefined, each: of('uids') },
      setOf('groups', {}),
      setOf('userextras', { subresource: '*' }),
    ],
    impossible: impossiblePart(user),
  };
}

function impossiblePart({ groups, extra }: UserInfo): string | undefined {
  if (groups.includes('')) return 'an empty group';
  if (groups.includes('system:masters')) return 'the group system:masters';
  for (const [key, values] of extra)
    if (!isConstrainedExtraKey(key) || values.includes(''))
      return `the extra field ${JSON.stringify(key.slice(0, 200))}`;
  return undefined;
}

/** Whether constrained impersonation takes a key of an extra field: `domain/path` in lower case (apiserver `validateExtra`). */
export function isConstrainedExtraKey(key: string): boolean {
  return /^(?=.{1,253}\/)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\/[a-z0-9/\-._~%!$&'()*+,;=:]+$/.test(
    key,
  );
}
