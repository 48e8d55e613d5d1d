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

/** What a role says about getting namespaces, as a text that is equal for the same rules. */
export function readRole({ rules }: JsonObject): string {
  const about = (Array.isArray(rules) ? rules : []).filter(
    rule =>
      isObject(rule) &&
      has(rule['verbs'], 'get') &&
      has(rule['apiGroups'], '') &&
      has(rule['resources'], 'namespaces'),
  );
  return JSON.stringify(about.map(({ resourceNames }) => resourceNames ?? []));
}

function has(list: unknown, item: string): boolean {
  return Array.isArray(list) && (list.includes(item) || list.includes('*'));
}
