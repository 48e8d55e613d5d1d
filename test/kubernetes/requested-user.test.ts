import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestedUser } from '../../src/kubernetes/requested-user.js';
import { StatusError } from '../../src/kubernetes/status.js';

/** What has to be reviewed, as `group/resource/subresource namespace name`. */
function asked(...rawHeaders: readonly string[]): readonly string[] | undefined {
  return requestedUser(rawHeaders, false)?.legacy.map(
    ({ verb, version, group, resource, subresource, namespace, name }) => {
      assert.deepEqual([verb, version], ['impersonate', group === '' ? undefined : 'v1']);
      return [`${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`, namespace, name]
        .filter(part => part !== undefined)
        .join(' ');
    },
  );
}

function refuses(pattern: RegExp, ...rawHeaders: readonly string[]): void {
  assert.throws(
    () => requestedUser(rawHeaders, false),
    (error: unknown) => error instanceof StatusError && error.code === 400 && pattern.test(error.message),
    JSON.stringify(rawHeaders),
  );
}

describe('the user whom a request names', () => {
  it('needs a review for each value, in the order user, groups, extra fields, uid', () => {
    const headers = [
      ...['Host', 'x', 'impersonate-UID', '7', 'Impersonate-Extra-Scopes', 'view', 'Accept', '*/*'],
      ...['IMPERSONATE-GROUP', 'dev', 'Impersonate-User', 'carol', 'impersonate-group', 'ops, more'],
      ...['impersonate-extra-scopes', 'edit', 'Impersonate-Extra-acme.com%2Fa%41', ''],
    ];
    assert.deepEqual(asked(...headers), [
      ...['/users carol', '/groups dev', '/groups ops, more'],
      ...['authentication.k8s.io/userextras/scopes view', 'authentication.k8s.io/userextras/scopes edit'],
      ...['authentication.k8s.io/userextras/acme.com/aA ', 'authentication.k8s.io/uids 7'],
    ]);
    const { headers: sent, user } = requestedUser(headers, false) ?? assert.fail();
    assert.deepEqual(sent, [...headers.slice(2, 6), ...headers.slice(8)]);
    assert.deepEqual(user, {
      username: 'carol',
      uid: '7',
      groups: ['dev', 'ops, more'],
      extra: new Map([
        ['scopes', ['view', 'edit']],
        ['acme.com/aA', ['']],
      ]),
    });
  });

  it('needs them in another order, and with a version, where the API server has constrained impersonation', () => {
    const headers = [
      ...['Impersonate-Uid', '7', 'Impersonate-Extra-Scopes', 'view', 'Impersonate-Group', 'dev'],
      ...['Impersonate-User', 'carol'],
    ];
    const attributes = requestedUser(headers, true)?.legacy ?? [];
    assert.deepEqual(
      attributes.map(({ verb, version, resource }) => [verb, version, resource]),
      ['users', 'uids', 'groups', 'userextras'].map(resource => ['impersonate', 'v1', resource]),
    );
  });

  it('is a service account only if namespace and name are valid', () => {
    const name = `a.b-${'c'.repeat(249)}`;
    for (const [account, ...expected] of [
      ['shop:robot', '/serviceaccounts shop robot'],
      [`${'s'.repeat(63)}:0.robot`, `/serviceaccounts ${'s'.repeat(63)} 0.robot`],
      [`shop:${name}`, `/serviceaccounts shop ${name}`],
      ...[
        ...[`shop:${name}c`, `${'s'.repeat(64)}:robot`, 'shop', 'shop:', ':robot', 'shop:robot:x'],
        'Shop:robot',
      ].map(bad => [bad, `/users system:serviceaccount:${bad}`] as const),
      ...['shop:ro_bot', 'sh.op:robot', '-shop:robot', 'shop:robot.', 'shop:robot..x'].map(
        bad => [bad, `/users system:serviceaccount:${bad}`] as const,
      ),
    ] as const) {
      assert.deepEqual(asked('Impersonate-User', `system:serviceaccount:${account}`), expected, account);
    }
  });

  it('is nobody without such a field, and has to have a name if there is anything else', () => {
    assert.equal(asked('Host', 'x', 'Impersonator', 'x', 'X-Impersonate-User', 'y'), undefined);
    assert.equal(asked('Impersonate-User', '', 'Impersonate-Uid', ''), undefined);
    assert.deepEqual(asked('Impersonate-User', 'carol', 'Impersonate-Uid', ''), ['/users carol']);
    for (const name of [
      'Impersonate-Group',
      'impersonate-extra-scopes',
      'Impersonate-Extra-',
      'IMPERSONATE-UID',
    ]) {
      refuses(/no user/, name, 'x');
      refuses(/no user/, name, 'x', 'Impersonate-User', '');
      if (name !== 'IMPERSONATE-UID') refuses(/no user/, name, '');
    }
  });

  it('has one name and one uid, whatever the others say', () => {
    for (const name of ['Impersonate-User', 'Impersonate-Uid']) {
      for (const value of ['carol', 'dave', '']) {
        const other = ['Impersonate-User', 'carol', 'Impersonate-Uid', '7'];
        refuses(/more than one/, ...other, name.toLowerCase(), value);
        refuses(/more than one/, name.toUpperCase(), value, ...other);
      }
    }
  });

  it('has at most 64 values', () => {
    const groups = (count: number) =>
      Array.from({ length: count }, (_, at) => ['Impersonate-Group', `g${at}`]).flat();
    assert.equal(asked('Impersonate-User', 'u', ...groups(63))?.length, 64);
    refuses(/64 values/, 'Impersonate-User', 'u', ...groups(64));
    const others = ['Impersonate-Uid', '7', 'Impersonate-Extra-A', 'v'];
    refuses(/64 values/, 'Impersonate-User', 'u', ...groups(62), ...others);
  });

  it('has no value that is not UTF-8: a review would be about another one', () => {
    const text = Buffer.from('Zoë 💡').toString('latin1');
    assert.deepEqual(asked('Impersonate-User', text), ['/users Zoë 💡']);
    for (const bad of ['zo\xeb', 'a\xff', '\xc3', '\xed\xa0\x80', Buffer.from('\ufffd').toString('latin1')]) {
      refuses(/UTF-8/, 'Impersonate-User', bad);
      for (const name of ['Impersonate-Group', 'Impersonate-Uid', 'Impersonate-Extra-A'])
        refuses(/UTF-8/, 'Impersonate-User', 'u', name, bad);
    }
    refuses(/UTF-8/, 'Impersonate-User', 'u', 'Impersonate-Extra-%ff', 'v');
  });
});
