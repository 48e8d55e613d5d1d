import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constrainedRights, isConstrainedExtraKey } from '../../src/kubernetes/impersonation-rights.js';
import type { UserInfo } from '../../src/kubernetes/user-info.js';

const rightsOf = (more: Partial<UserInfo>) =>
  constrainedRights({ username: 'carol', uid: undefined, groups: [], extra: new Map(), ...more });
const right = (mode: string, value: object) => ({
  ...{ group: 'authentication.k8s.io', version: 'v1', verb: `impersonate:${mode}` },
  ...value,
});
const ofUser = (resource: string, name: string, more = {}) => right('user-info', { resource, name, ...more });

describe('the rights of constrained impersonation', () => {
  it('are those to each value of the user, and to all of four groups, or of four values of extra fields', () => {
    for (const [groups, values] of [
      [
        ['a', 'b', 'c', 'd'],
        ['1', '2', '3'],
      ],
      [
        ['a', 'b', 'c'],
        ['1', '2', '3', '4'],
      ],
      [[], []],
    ] as const) {
      const uids = groups.slice(0, 1);
      const allValues = ofUser('userextras', '*', { subresource: '*' });
      assert.deepEqual(rightsOf({ uid: uids[0], groups, extra: new Map([['a.b/c', values]]) }), {
        mode: 'user-info',
        sets: [
          { all: undefined, each: [ofUser('users', 'carol')] },
          { all: undefined, each: uids.map(uid => ofUser('uids', uid)) },
          {
            all: groups.length > 3 ? ofUser('groups', '*') : undefined,
            each: groups.map(group => ofUser('groups', group)),
          },
          {
            all: values.length > 3 ? allValues : undefined,
            each: values.map(value => ofUser('userextras', value, { subresource: 'a.b/c' })),
          },
        ],
        impossible: undefined,
      });
    }
  });

  it('are of another mode for a service account and a node that is named alone, and there are none with more', () => {
    const longest = `${'n'.repeat(251)}.0`;
    for (const [username, mode, value] of [
      ['system:serviceaccount:shop:robot', 'serviceaccount', { namespace: 'shop', name: 'robot' }],
      ...['n', 'node-1.b.zone', longest].map(
        name => [`system:node:${name}`, 'arbitrary-node', { name }] as const,
      ),
    ] as const) {
      const resource = mode === 'serviceaccount' ? 'serviceaccounts' : 'nodes';
      const each = [right(mode, { resource, ...value })];
      const expected = { mode, sets: [{ all: undefined, each }], impossible: undefined };
      for (const uid of [undefined, '']) assert.deepEqual(rightsOf({ username, uid }), expected, username);
      for (const more of [{ uid: '7' }, { groups: ['dev'] }, { extra: new Map([['a.b/c', []]]) }])
        assert.equal(rightsOf({ username, ...more }), undefined);
    }
    for (const bad of ['', '-a', 'a-', 'a..b', 'a.', '.a', 'A', 'a_b', 'a.-b', 'a.b-', 'a b', `${longest}0`])
      assert.equal(rightsOf({ username: `system:node:${bad}` })?.mode, 'user-info', bad);
    assert.equal(rightsOf({ username: 'x-system:node:a' })?.mode, 'user-info');
  });

  it('do not help with an empty group, system:masters, and extra fields that are empty or have another key', () => {
    const key = 'K'.repeat(300);
    for (const [more, impossible] of [
      [{ groups: ['a', ''] }, 'an empty group'],
      [{ groups: ['a', 'b', 'c', 'system:masters'] }, 'the group system:masters'],
      [{ extra: new Map([['a.b/c', ['x', '']]]) }, 'the extra field "a.b/c"'],
      [{ extra: new Map([[key, ['x']]]) }, `the extra field "${key.slice(0, 200)}"`],
    ] as const)
      assert.equal(rightsOf(more)?.impossible, impossible);
    const domain = `${'a'.repeat(251)}.0`;
    for (const good of ['a/b', 'acme.c-0.example/e/f', "0/-._~%!$&'()*+,;=:", `${domain}/b`])
      assert.equal(isConstrainedExtraKey(good), true, good);
    for (const bad of [
      'scopes',
      'Acme.com/a',
      'acme.com/A',
      '/a',
      'acme.com/',
      `${domain}0/b`,
      'a.b/c d',
      'a_b/c',
    ])
      assert.equal(isConstrainedExtraKey(bad), false, bad);
    for (const bad of ['-a/b', 'a-/b', 'a..b/c', 'a.-b/c', 'a.b-/c', '.a/b', 'a./b', ' a/b', 'a/b '])
      assert.equal(isConstrainedExtraKey(bad), false, bad);
  });
});
