import type { UserInfo } from '../../kubernetes/user-info.js';
import { isObject, type JsonObject } from '../../lib/json.js';

/** A RoleBinding or ClusterRoleBinding: whom it binds, to what, and in which namespace. */
export interface Binding {
  /** Undefined for all namespaces. */
  readonly namespace: string | undefined;
  /** `Role NAMESPACE/NAME`, or `ClusterRole NAME`. */
  readonly role: string;
  /** `User NAME`, `Group NAME`: a service account is the user that it is known as. */
  readonly subjects: readonly string[];
}

/** Namespaces that RBAC lets somebody get: all, or those of these names. */
export interface Proposal {
  readonly isAll: boolean;
  readonly names: readonly string[];
}

/** Reads a binding; a cluster role binding has no namespace. */
export function readBinding({ metadata, roleRef, subjects }: JsonObject): Binding {
  const namespace = isObject(metadata) ? metadata['namespace'] : undefined;
  const inNamespace = typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
  const { kind, name } = isObject(roleRef) ? roleRef : {};
  return {
    namespace: inNamespace,
    role: kind === 'Role' ? `Role ${inNamespace}/${name}` : `${kind} ${name}`,
    subjects: (Array.isArray(subjects) ? subjects : []).flatMap(subject =>
      isObject(subject) ? subjectOf(subject, inNamespace) : [],
    ),
  };
}

/** As RBAC reads it (kubernetes `pkg/registry/rbac/validation`, `appliesToUser`). */
function subjectOf({ kind, name, namespace }: JsonObject, own: string | undefined): string[] {
  if (kind !== 'ServiceAccount') return [`${kind} ${name}`];
  const of = typeof namespace === 'string' && namespace !== '' ? namespace : own;
  return of === undefined ? [] : [`User system:serviceaccount:${of}:${name}`];
}

/** Whether one of these subjects is the user, or a group of the user. */
export function isAbout(subjects: readonly string[], { username, groups }: UserInfo): boolean {
  return subjects.some(
    subject =>
      subject === `User ${username}` || (subject.startsWith('Group ') && groups.includes(subject.slice(6))),
  );
}

/** Which namespaces a role lets get, where it is bound. Rules without names are about all. */
export function readRole({ rules }: JsonObject): Proposal {
  const names = new Set<string>();
  let isAll = false;
  for (const rule of Array.isArray(rules) ? rules : []) {
    const isAboutNamespaces =
      isObject(rule) &&
      has(rule['verbs'], 'get') &&
      has(rule['apiGroups'], '') &&
      has(rule['resources'], 'namespaces');
    if (!isAboutNamespaces) continue;
    const named = Array.isArray(rule['resourceNames']) ? rule['resourceNames'] : [];
    if (named.length === 0) isAll = true;
    for (const name of named) names.add(String(name));
  }
  return { isAll, names: [...names].sort() };
}

function has(list: unknown, item: string): boolean {
  return Array.isArray(list) && (list.includes(item) || list.includes('*'));
}

/** Which namespaces a binding of this role lets get. */
export function bound({ namespace }: Binding, role: Proposal): Proposal {
  if (namespace === undefined) return role;
  return { isAll: false, names: role.isAll || role.names.includes(namespace) ? [namespace] : [] };
}
