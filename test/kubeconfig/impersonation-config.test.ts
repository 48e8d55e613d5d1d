import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveImpersonation } from '../../src/kubeconfig/impersonation-config.js';
import type { ImpersonationOverrides } from '../../src/kubeconfig/overrides.js';
import type { AuthInfo } from '../../src/kubeconfig/types.js';

const label = 'user "alice" in FILE';
const resolved = (value: AuthInfo, overrides: ImpersonationOverrides = {}) => {
  assert.deepEqual(problems(value, overrides), []);
  return resolveImpersonation({ label, value }, overrides, []);
};
const problems = (value: AuthInfo, overrides: ImpersonationOverrides = {}) => {
  const found: string[] = [];
  resolveImpersonation({ label, value }, overrides, found);
  return found;
};

const full: AuthInfo = {
  as: 'bob',
  'as-uid': '42',
  'as-groups': ['one', 'two'],
  'as-user-extra': { scopes: ['view'], reason: ['because', 'so'] },
};

describe('the configured impersonation', () => {
  it('is absent if no option sets it, and may come only from the flags, where the API server makes the keys lower case', () => {
    const overrides = {
      as: 'carol',
      asUid: '7',
      asGroup: ['a,b'],
      asUserExtra: ['k=1', 'other=x=y', 'k=2', 'e=', 'K=3'],
    };
    assert.equal(resolved({}), undefined);
    const empty = { as: '', 'as-uid': '', 'as-groups': [], 'as-user-extra': {} };
    assert.equal(resolved(empty, { as: '', asUid: '', asGroup: [] }), undefined);
    assert.deepEqual(resolved({}, overrides), {
      username: 'carol',
      uid: '7',
      groups: ['a,b'],
      extra: new Map([
        ['k', ['1', '2', '3']],
        ['other', ['x=y']],
        ['e', ['']],
      ]),
    });
  });

  it('is merged as client-go merges it: groups are replaced as a whole, extra key by key', () => {
    const overrides = { as: 'carol', asGroup: ['three'], asUserExtra: ['scopes=edit'] };
    assert.deepEqual(resolved(full, overrides), {
      username: 'carol',
      uid: '42',
      groups: ['three'],
      extra: new Map([
        ['scopes', ['edit']],
        ['reason', ['because', 'so']],
      ]),
    });
  });

  it('may not have uid, groups or extra without a user', () => {
    const expected = [
      `${label} asks for a uid, groups or user-extra without impersonating a user; set as, or pass --as`,
    ];
    for (const value of [{ 'as-uid': '1' }, { 'as-groups': ['g'] }, { 'as-user-extra': { k: [] } }]) {
      assert.deepEqual(problems(value), expected);
    }
    for (const overrides of [{ asUid: '1' }, { asGroup: ['g'] }, { asUserExtra: ['k=v'] }]) {
      assert.deepEqual(problems({}, overrides), expected);
    }
  });

  it('reads --as-user-extra only as KEY=VALUE', () => {
    assert.deepEqual(problems({ as: 'bob' }, { asUserExtra: ['k=v', 'secret', '=v'] }), [
      '--as-user-extra: value 2 of 3 is not KEY=VALUE',
      '--as-user-extra: value 3 of 3 is not KEY=VALUE',
    ]);
    assert.deepEqual(problems({ as: 'bob', 'as-user-extra': { '': ['v'] } }), [
      `as-user-extra of ${label} has an empty key`,
    ]);
  });

  it('is rejected if a value does not fit into a header, with its position but not the value; any other character may be in it', () => {
    const control = 'has a line break or another control character, which a header cannot carry';
    const space = 'begins or ends with a space, which a header cannot carry';
    assert.deepEqual(
      problems({
        as: 'bob\r\nImpersonate-Group: system:masters',
        'as-uid': '\x7f',
        'as-groups': ['fine', 'bad\0'],
        'as-user-extra': { scopes: [' view'] },
      }),
      [
        `as of ${label} ${control}`,
        `as-uid of ${label} ${control}`,
        `as-groups of ${label} ${control}`,
        `as-user-extra of ${label}: a value of "scopes" ${space}`,
      ],
    );
    assert.deepEqual(problems({}, { as: 'bob ', asUid: '\n', asGroup: ['\t'], asUserExtra: ['k=\x1b'] }), [
      `--as ${space}`,
      `--as-uid ${control}`,
      `--as-group ${space}`,
      `--as-user-extra: a value of "k" ${control}`,
    ]);
    const user = 'Zoë\t漢字 🙂 <"\'>';
    assert.equal(resolved({ as: user })?.username, user);
  });
});
