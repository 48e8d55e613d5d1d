import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Binding,
  bound,
  isAbout,
  readBinding,
  readRole,
} from '../../../src/features/visible-namespaces/rbac.js';

test('a binding is about the users, groups and service accounts that it names', () => {
  const users = ['ann', 'system:serviceaccount:ns:robot', 'system:serviceaccount:own:robot', 'team'];
  const rows: readonly (readonly [subject: object, ...users: string[]])[] = [
    [{ kind: 'User', name: 'ann' }, 'ann'],
    [{ kind: 'User', name: 'team' }, 'team'],
    [{ kind: 'User', name: 'xteam' }],
    [{ kind: 'Group', name: 'team' }, 'ann'],
    [{ kind: 'Group', name: 'ann' }],
    [{ kind: 'ServiceAccount', name: 'robot', namespace: 'ns' }, 'system:serviceaccount:ns:robot'],
    [{ kind: 'ServiceAccount', name: 'robot' }, 'system:serviceaccount:own:robot'],
    [{}],
  ];
  for (const [subject, ...expected] of rows) {
    const metadata = { namespace: 'own' };
    const { subjects } = readBinding({ metadata, roleRef: {}, subjects: [subject] } as never);
    const found = users.filter(username =>
      isAbout(subjects, {
        username,
        uid: undefined,
        groups: username === 'ann' ? ['team'] : [],
        extra: new Map(),
      }),
    );
    assert.deepEqual(found, expected, JSON.stringify(subject));
  }
  const nowhere = readBinding({ subjects: [{ kind: 'ServiceAccount', name: 'robot' }] } as never);
  assert.deepEqual(nowhere.subjects, []);
  assert.deepEqual(readBinding({}), { namespace: undefined, role: 'undefined undefined', subjects: [] });
});

test('a binding refers to a role of its namespace or to a cluster role', () => {
  const metadata = { namespace: 'own' };
  for (const [kind, role] of [
    ['Role', 'Role own/r'],
    ['ClusterRole', 'ClusterRole r'],
  ])
    assert.equal(readBinding({ metadata, roleRef: { kind, name: 'r' } } as never).role, role);
});

test('of a role only what it says about getting namespaces counts, and a rule without names is about all', () => {
  const get = { verbs: ['get'], apiGroups: [''], resources: ['namespaces'] };
  const every = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  const named = (...resourceNames: string[]) => ({ ...get, resourceNames });
  for (const [rules, isAll, names] of [
    [[get], true, []],
    [[every], true, []],
    [[named('b', 'a'), named('b', 'c')], false, ['a', 'b', 'c']],
    [[named('a'), get], true, ['a']],
    [[{ ...get, resourceNames: [] }], true, []],
    [[{ ...get, verbs: ['list'] }], false, []],
    [[{ ...get, apiGroups: ['apps'] }], false, []],
    [[{ ...get, resources: ['pods'] }], false, []],
    [[{ nonResourceURLs: ['*'], verbs: ['*'] }, null], false, []],
    [[], false, []],
    [null, false, []],
  ] as const)
    assert.deepEqual(readRole({ rules } as never), { isAll, names }, JSON.stringify(rules));
});

test('a binding of a namespace lets get that one, if its role does, and a cluster role binding what its role says', () => {
  const [inA, everywhere] = ['a', undefined].map(namespace =>
    readBinding({ metadata: { namespace }, roleRef: {}, subjects: [] } as never),
  ) as [Binding, Binding];
  for (const role of [
    { isAll: true, names: [] },
    { isAll: false, names: ['a', 'b'] },
  ]) {
    assert.deepEqual(bound(inA, role), { isAll: false, names: ['a'] });
    assert.deepEqual(bound(everywhere, role), role);
  }
  assert.deepEqual(bound(inA, { isAll: false, names: ['b'] }), { isAll: false, names: [] });
});
