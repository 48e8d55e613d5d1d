import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  hasImpersonationHeader,
  impersonatedUser,
  impersonationOf,
  namedUser,
  serviceAccountOf,
  takesMoreThan,
  userOfImpersonation,
} from '../../src/kubernetes/impersonation.js';

const user = { username: 'u', uid: undefined, groups: [] };
const extraName = (key: string): string | undefined =>
  impersonationOf({ ...user, extra: new Map([[key, ['v']]]) })[2];

describe('impersonation headers', () => {
  it('name the user, the uid, every group and every value of extra, in that order', () => {
    const headers = impersonationOf({
      username: 'system:serviceaccount:ns:name',
      uid: '42',
      groups: ['developers', 'admins'],
      extra: new Map([
        ['scopes', ['view', 'edit']],
        ['reason', ['a, b']],
      ]),
    });
    assert.deepEqual(headers, [
      ...['Impersonate-User', 'system:serviceaccount:ns:name', 'Impersonate-Uid', '42'],
      ...['Impersonate-Group', 'developers', 'Impersonate-Group', 'admins'],
      ...['Impersonate-Extra-Scopes', 'view', 'Impersonate-Extra-Scopes', 'edit'],
      ...['Impersonate-Extra-Reason', 'a, b'],
    ]);
    const alone = impersonationOf({ ...user, username: 'Zoë 漢字 🙂', extra: new Map() });
    assert.deepEqual(alone, ['Impersonate-User', Buffer.from('Zoë 漢字 🙂').toString('latin1')]);
  });

  it('name nothing but the user of a service account that is sent by its name', () => {
    const user = {
      username: 'system:serviceaccount:ns:name',
      uid: '42',
      groups: ['a'],
      extra: new Map([['b', ['c']]]),
    };
    assert.deepEqual(impersonationOf({ ...user, isSentByName: true }), ['Impersonate-User', user.username]);
    assert.equal(impersonationOf(user).length, 8);
  });

  it('spell an extra key as net/http does, and escape the capital letters, the percent sign and the bytes that a header name may not have', () => {
    for (const [key, name] of [
      ['acme.com/project', 'Acme.com%2fproject'],
      ['100% a:b', '100%25%20a%3ab'],
      ['ключ', '%d0%ba%d0%bb%d1%8e%d1%87'],
      ['acme-team', 'Acme-Team'],
      ['x--y', 'X--Y'],
      ['accessKeyId', 'Access%4bey%49d'],
    ] as const)
      assert.equal(extraName(key), `Impersonate-Extra-${name}`);
    const extra = new Map([
      ['Foo', ['1']],
      ['foo', ['2']],
      ['%46oo', ['3']],
      ['FOO-Bar', ['4', '5']],
      ['\u00c9t\u00e9', ['6']],
    ]);
    assert.deepEqual(namedUser(impersonationOf({ ...user, extra }))?.extra, extra);
    for (let code = 0; code < 128; code++) {
      const character = String.fromCharCode(code);
      const isKept = /[!#$&'*+.^_`|~0-9a-z-]/.test(character);
      const hex = code.toString(16).padStart(2, '0');
      const expected = isKept ? character : `%${hex}`;
      assert.equal(extraName(`x${character}`), `Impersonate-Extra-X${expected}`, `character ${code}`);
    }
  });
});

it('a request asks for impersonation by any header of that family, in any case and with any hyphen, and not by a value or a similar name', () => {
  for (const name of [
    ...['Impersonate-User', 'impersonate-uid', 'IMPERSONATE-GROUP', 'iMpErSoNaTe-Extra-x'],
    ...['Impersonate-Anything-New', 'Impersonate-', 'Impersonate', 'Impersonate_User', 'impersonate.user'],
  ])
    assert.equal(hasImpersonationHeader(['Host', 'x', name, '']), true, name);
  assert.equal(hasImpersonationHeader([]), false);
  for (const [name, value] of [
    ['Connection', 'Impersonate-User'],
    ['X-Impersonate-User', 'x'],
    ['Impersonated-User', 'x'],
  ] as const) {
    assert.equal(hasImpersonationHeader(['Host', 'Impersonate-User', name, value]), false, name);
  }
});

it('the impersonation of a caller is created once for each caller, and only for that caller', () => {
  const alice = { username: 'alice', uid: '7', groups: ['dev'], extra: new Map([['scopes', ['a']]]) };
  const bob = { username: 'bob', uid: undefined, groups: [], extra: new Map() };
  assert.deepEqual(impersonationOf(alice), [
    ...['Impersonate-User', 'alice', 'Impersonate-Uid', '7', 'Impersonate-Group', 'dev'],
    ...['Impersonate-Extra-Scopes', 'a'],
  ]);
  assert.equal(impersonationOf(alice), impersonationOf(alice));
  assert.deepEqual(impersonationOf(bob), ['Impersonate-User', 'bob']);
});

describe('the user whom a request impersonates', () => {
  it('is the same whatever the ID of the credential is', () => {
    const extra = new Map([
      ['authentication.kubernetes.io/credential-id', ['JTI=1', 'JTI=2']],
      ['a', ['b']],
    ]);
    assert.deepEqual(userOfImpersonation(impersonationOf({ ...user, groups: ['g'], extra })), [
      ...['Impersonate-User', 'u', 'Impersonate-Group', 'g', 'Impersonate-Extra-A', 'b'],
    ]);
    assert.equal(userOfImpersonation('configured'), 'configured');
  });

  it('is read from the fields of impersonation alone, and from the first name and uid; extra fields have their names decoded', () => {
    const { uid, extra } =
      namedUser([
        ...['impersonate-user', 'u', 'If-Match', 'a', 'Impersonate-Anything', 'b', 'IMPERSONATE-UID', '7'],
        ...['Impersonate-User', 'other', 'Impersonate-Uid', '8'],
      ]) ?? assert.fail();
    assert.deepEqual([uid, extra], ['7', new Map()]);
    for (const none of [[], ['Impersonate-User', ''], ['Impersonate-Group', 'dev']]) {
      assert.equal(namedUser(none), undefined);
      assert.equal(impersonatedUser(none), undefined);
    }
    const keyOf = (name: string) => [
      ...(namedUser(['Impersonate-User', 'u', name, 'v'])?.extra.keys() ?? []),
    ];
    assert.deepEqual(keyOf('Impersonate-Extra-a%41%c3%A9'), ['aAé']);
    assert.deepEqual(keyOf('Impersonate-Extra-a%41%4x'), ['a%41%4x']);
  });

  it('is in the groups that the API server adds', () => {
    const all = 'system:authenticated';
    const nobody = 'system:unauthenticated';
    const robot = 'system:serviceaccount:shop:robot';
    for (const [username, named, groups] of [
      ['jane', [], [all]],
      ['jane', ['dev'], ['dev', all]],
      ['jane', [all, 'dev'], [all, 'dev']],
      ['jane', [nobody], [nobody]],
      ['system:anonymous', [], [nobody]],
      ['system:anonymous', ['dev'], ['dev', nobody]],
      [robot, [], ['system:serviceaccounts', 'system:serviceaccounts:shop', all]],
      [robot, ['dev'], ['dev', all]],
    ] as const) {
      const headers = ['Impersonate-User', username, ...named.flatMap(group => ['Impersonate-Group', group])];
      assert.deepEqual(impersonatedUser(headers)?.groups, groups, `${username} ${named}`);
    }
  });

  it('is a service account if its name is one in full', () => {
    for (const name of ['b', 'b.c', 'a-b.0'])
      assert.deepEqual(serviceAccountOf(`system:serviceaccount:a:${name}`), { namespace: 'a', name });
    for (const name of [
      'xsystem:serviceaccount:a:b',
      ...['a:b\n', 'a:', 'a', 'a:b:c', 'A:b', 'a:b_c', `a:${'b'.repeat(254)}`].map(
        rest => `system:serviceaccount:${rest}`,
      ),
    ])
      assert.equal(serviceAccountOf(name), undefined);
  });
});

it('a user takes the names of its header fields, the bytes of their values, and 32 bytes for each', () => {
  const large = {
    username: 'u'.repeat(10),
    uid: '7',
    groups: ['é', 'g'],
    extra: new Map([['k'.repeat(300), ['v']]]),
  };
  const size = 16 + 10 + 32 + (15 + 1 + 32) + (17 + 2 + 32) + (17 + 1 + 32) + (318 + 1 + 32);
  assert.equal(takesMoreThan(size - 1, large), true);
  assert.equal(takesMoreThan(size, large), false);
});
