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

/**
 * The rights of constrained impersonation for the values of this user, in the order in which the API server asks for them, and the mode that
 * the right `impersonate-on:MODE:VERB` on the request needs besides. Undefined for a user without a mode: a service account or a node with
 * more than its name.
 */
export function constrainedRights(
  user: UserInfo,
): { readonly mode: string; readonly values: readonly ImpersonatedAttribute[] } | undefined {
  const { username, uid = '', groups, extra } = user;
  const isNameAlone = uid === '' && groups.length === 0 && extra.size === 0;
  const account = serviceAccountOf(username);
  const [, nodeName] = node.exec(username) ?? [];
  if (account === undefined && nodeName === undefined) {
    const verb = 'impersonate:user-info';
    const values = legacyRights(user, true).map(right => ({ ...right, ...authentication, verb }));
    return { mode: 'user-info', values };
  }
  if (!isNameAlone) return undefined;
  const mode = account === undefined ? 'arbitrary-node' : 'serviceaccount';
  const value =
    account === undefined
      ? { resource: 'nodes', name: nodeName as string }
      : { resource: 'serviceaccounts', ...account };
  return { mode, values: [{ ...authentication, ...value, verb: `impersonate:${mode}` }] };
}
