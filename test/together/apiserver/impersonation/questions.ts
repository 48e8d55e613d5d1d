import type { Difference } from './differences.js';
import { differences } from './differences.js';

/** The Impersonate-* fields of a request. */
export interface Question {
  /** Name, value, name, value, …; each character of a value is one byte. */
  readonly headers: readonly string[];
  /** How the gateway differs from the API server. */
  readonly differs: readonly Difference[];
}

/** The names that a caller may impersonate, or may not. They are new for each run. */
export interface Names {
  readonly user: string;
  readonly group: string;
  /** The namespace of the service account `robot`, which `lead` may impersonate. */
  readonly namespace: string;
  /** A namespace in which it may not. */
  readonly elsewhere: string;
  readonly uid: string;
  readonly scope: string;
}

/** The rights of a caller who may impersonate these and nobody else. */
export function rulesOf({ user, group, uid, scope }: Names) {
  const verbs = ['impersonate'];
  const core = { verbs, apiGroups: [''] };
  const other = { verbs, apiGroups: ['authentication.k8s.io'] };
  return [
    {
      ...core,
      resources: ['users'],
      resourceNames: [user, 'Zoë Ünïcode', 'a b', 'system:anonymous', 'system:admin'],
    },
    {
      ...core,
      resources: ['groups'],
      resourceNames: [group, `${group}-2`, 'system:authenticated', 'system:masters'],
    },
    { ...other, resources: ['uids'], resourceNames: [uid] },
    {
      ...other,
      resources: ['userextras/scopes', 'userextras/acme.com/a', 'userextras/Ab', 'userextras/'],
      resourceNames: [scope, `${scope}-2`],
    },
  ];
}

const bytes = (text: string) => Buffer.from(text).toString('latin1');

/** Spellings, empty fields, repeated ones, and fields that name nobody. */
export function spellings({ user, group, namespace, elsewhere, uid, scope }: Names): readonly Question[] {
  const as = ['Impersonate-User', user];
  const account = (of: string, name: string) => `system:serviceaccount:${of}:${name}`;
  const same: readonly (readonly string[])[] = [
    [],
    ['Impersonate-User', bytes('Zoë Ünïcode')],
    ['Impersonate-User', 'nobody'],
    ['Impersonate-User', account(namespace, 'robot')],
    ['Impersonate-User', account(elsewhere, 'robot')],
    [...as, 'Impersonate-Group', 'others'],
    [...as, 'Impersonate-Uid', 'other', 'Impersonate-Extra-Scopes', 'other'],
    [...as, 'Impersonate-Group', 'system:authenticated', 'Impersonate-Group', group],
    ['impersonate-user', user, 'IMPERSONATE-GROUP', group, 'iMPERSONATE-uID', uid],
    ['Impersonate-Uid', uid, 'Impersonate-Group', group, ...as],
    ['Impersonate-User', `  ${user} `, 'Impersonate-Group', ` ${group}`],
    ['Impersonate-User', 'a b'],
    ['Impersonate-User', user.toUpperCase()],
    ['Impersonate-User', `${user},nobody`],
    [...as, 'Impersonate-Group', `${group}, ${group}-2`],
    [...as, 'Impersonate-Group', ''],
    [...as, 'Impersonate-Group', '', 'Impersonate-Group', group],
    [...as, 'Impersonate-Uid', ''],
    ['Impersonate-User', ''],
    ['Impersonate-User', '', 'Impersonate-Uid', ''],
    ['Impersonate-Uid', ''],
    [...as, 'impersonate-extra-SCOPES', scope],
    [...as, 'Impersonate-Extra-%73c%6Fpes', scope],
    [...as, 'Impersonate-Extra-Acme.com%2fA', scope],
    [...as, 'Impersonate-Extra-acme.com%2F%61', scope, 'impersonate-extra-acme.com%2fa', scope],
    [...as, 'Impersonate-Extra-%41b', scope],
    [...as, 'Impersonate-Extra-%41B', scope],
    [...as, 'Impersonate-Extra-ab', scope],
    [...as, 'Impersonate-Extra-scopes%', scope],
    [...as, 'Impersonate-Extra-%zz', scope],
    [...as, 'Impersonate-Extra-', scope],
    [...as, 'Impersonate-Extra-Scopes', ''],
    [...as, 'Connection', 'Impersonate-User, Impersonate-Group', 'Impersonate-Group', group],
    [...['Impersonate-User', account(namespace, 'robot'), 'Impersonate-Group'], 'system:serviceaccounts'],
    [
      ...['Impersonate-User', account(namespace, 'robot')],
      ...['Impersonate-Group', `system:serviceaccounts:${namespace}`, 'Impersonate-Uid', uid],
    ],
    [...as, ...Array<string[]>(63).fill(['Impersonate-Group', group]).flat()],
    ['Impersonator', user, 'X-Impersonate-User', user],
  ];
  const different: readonly (readonly [difference: Difference, headers: readonly string[]])[] = [
    [differences.noUser, ['Impersonate-Group', group]],
    [differences.noUser, ['Impersonate-Uid', uid]],
    [differences.noUser, ['Impersonate-Extra-Scopes', scope, 'Impersonate-User', '']],
    [differences.noUser, ['Impersonate-Group', '']],
    [differences.tooMany, [...as, ...Array<string[]>(64).fill(['Impersonate-Group', group]).flat()]],
    [differences.repeated, [...as, ...as]],
    [differences.repeated, [...as, 'impersonate-user', 'nobody']],
    [differences.repeated, [...as, 'Impersonate-Uid', uid, 'Impersonate-Uid', 'other']],
    [differences.otherName, ['Impersonate_User', user]],
    [differences.otherName, [...as, 'Impersonate_Group', group]],
    [differences.otherName, [...as, 'Impersonate-Extra_scopes', scope]],
    [differences.otherName, [...as, 'Impersonate-Groups', group]],
    [differences.otherName, ['X-Remote-User', user]],
    [differences.notText, ['Impersonate-User', 'zo\xeb']],
    [differences.notText, [...as, 'Impersonate-Extra-%ff', scope]],
    [differences.control, ['Impersonate-User', 'a\tb']],
    [differences.reserved, ['Impersonate-User', 'kubeadm:x']],
    [differences.reserved, ['Impersonate-User', 'system:admin']],
    [differences.reserved, ['Impersonate-User', 'system:anonymous']],
    [differences.reserved, ['Impersonate-User', account(namespace, 'Robot')]],
    [differences.reserved, [...as, 'Impersonate-Group', 'system:masters']],
    [differences.reserved, [...as, 'Impersonate-Group', 'system:unauthenticated']],
    [differences.reserved, ['Impersonate-User', 'system:serviceaccount:a:b:c']],
  ];
  return [
    ...same.map(headers => ({ headers, differs: [] })),
    ...different.map(([difference, headers]) => ({ headers, differs: [difference] })),
  ];
}
