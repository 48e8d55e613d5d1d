import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSameUser, type UserInfo } from '../../src/kubernetes/user-info.js';

const jane: UserInfo = {
  ...{ username: 'jane', uid: '7', groups: ['b', 'a'] },
  extra: new Map([
    ['k', ['2', '1']],
    ['j', ['3']],
  ]),
};

it('a user is the same whatever the order of groups and extra fields, and another one if any part differs', () => {
  const extra = new Map([...jane.extra].reverse().map(([key, values]) => [key, [...values].reverse()]));
  const unread = Object.defineProperty({ ...jane }, 'groups', { get: () => assert.fail() });
  assert.equal(isSameUser(unread, unread), true);
  assert.equal(isSameUser(jane, { ...jane, groups: ['a', 'b'], extra }), true);
  assert.deepEqual(
    [jane.groups, jane.extra.get('k')],
    [
      ['b', 'a'],
      ['2', '1'],
    ],
  );
  for (const other of [
    { username: 'joe' },
    { uid: '8' },
    { uid: undefined },
    { groups: ['a'] },
    { groups: ['a', 'b', 'b'] },
    { extra: new Map() },
    { extra: new Map([...jane.extra, ['j', ['4']]]) },
    { extra: new Map([...jane.extra].map(([key, values]) => [`${key}k`, values])) },
  ])
    assert.equal(isSameUser(jane, { ...jane, ...other }), false, JSON.stringify(other));
});
