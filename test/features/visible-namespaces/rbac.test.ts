import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAbout, readBinding, readRole } from '../../../src/features/visible-namespaces/rbac.js';

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

test('of a role only what it says about getting namespaces counts', () => {
  const get = { verbs: ['get'], apiGroups: [''], resources: ['namespaces'] };
  const before = readRole({ rules: [get] });
  for (const rule of [
    { ...get, verbs: ['list'] },
    { ...get, apiGroups: ['apps'] },
    { ...get, resources: ['pods'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
    null,
  ])
    assert.equal(readRole({ rules: [get, rule] } as never), before);
  const every = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  for (const rules of [[], null, [get, every], [{ ...get, resourceNames: ['a'] }]])
    assert.notEqual(readRole({ rules } as never), before);
});
