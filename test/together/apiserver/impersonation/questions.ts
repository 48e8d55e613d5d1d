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

/** Fields of one kind, and how the gateway differs because of them. */
type Part = readonly [headers: readonly string[], ...differs: readonly Difference[]];

/** All combinations of users, groups, extra fields and uids. */
export function combinations({ user, group, namespace, elsewhere, uid, scope }: Names): readonly Question[] {
  const named = (name: string, ...differs: readonly Difference[]): Part => [
    ['Impersonate-User', bytes(name)],
    ...differs,
  ];
  const users: readonly Part[] = [
    named(user),
    named('nobody'),
    named('Zoë Ünïcode'),
    named(`system:serviceaccount:${namespace}:robot`),
    named(`system:serviceaccount:${elsewhere}:robot`),
    named(`system:serviceaccount:${namespace}:Robot`, differences.reserved),
    named('system:anonymous', differences.reserved),
    named('system:admin', differences.reserved),
  ];
  const inGroups = (...groups: readonly string[]): Part => [
    groups.flatMap(name => ['Impersonate-Group', name]),
  ];
  const groups: readonly Part[] = [
    inGroups(),
    inGroups(group),
    inGroups(`${group}-2`, group, group),
    inGroups(group, 'others'),
    inGroups('system:authenticated', group),
    [['Impersonate-Group', 'system:masters'], differences.reserved],
  ];
  const rest: readonly Part[] = [
    [[]],
    [['Impersonate-Uid', uid]],
    [['Impersonate-Uid', 'other']],
    [['Impersonate-Extra-Scopes', scope, 'Impersonate-Extra-Scopes', `${scope}-2`, 'Impersonate-Uid', uid]],
    [['Impersonate-Extra-Scopes', 'other', 'Impersonate-Uid', 'other']],
  ];
  return users.flatMap(one =>
    groups.flatMap(two =>
      rest.map(three => {
        const [name, inThese, more] = [one, two, three].map(([headers]) => headers);
        const differs = [one, two, three].flatMap(([, ...differs]) => differs);
        return { headers: [...(name ?? []), ...(inThese ?? []), ...(more ?? [])], differs };
      }),
    ),
  );
}

/** Spellings, empty fields, repeated ones, and fields that name nobody. */
export function spellings({ user, group, namespace, uid, scope }: Names): readonly Question[] {
  const as = ['Impersonate-User', user];
  const same: readonly (readonly string[])[] = [
    [],
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
    [
      ...['Impersonate-User', `system:serviceaccount:${namespace}:robot`, 'Impersonate-Group'],
      'system:serviceaccounts',
    ],
    [
      ...['Impersonate-User', `system:serviceaccount:${namespace}:robot`],
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
    [differences.reserved, [...as, 'Impersonate-Group', 'system:unauthenticated']],
    [differences.reserved, ['Impersonate-User', 'system:serviceaccount:a:b:c']],
  ];
  return [
    ...same.map(headers => ({ headers, differs: [] })),
    ...different.map(([difference, headers]) => ({ headers, differs: [difference] })),
  ];
}
