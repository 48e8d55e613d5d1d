import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AcceptedGroups } from '../../src/authentication/accepted-groups.js';
import {
  AuthenticationError,
  admitUser,
  checkIdentity,
  IdentityError,
} from '../../src/authentication/identity.js';
import { assertLinear } from '../support/growth.js';

const nobody = { allowed: new Set<string>(), serviceAccounts: false };
const cluster = { allowed: new Set<string>(), serviceAccounts: true };
const robot = 'system:serviceaccount:shop:robot';

function user(username: string, groups: readonly string[] = [], more: object = {}) {
  return { username, uid: undefined, groups, extra: new Map<string, string[]>(), ...more };
}

describe('an authenticated user', () => {
  it('is in system:authenticated, once, and in no group without a name', () => {
    assert.deepEqual(admitUser(user('alice', ['dev', '', 'dev'], { uid: '' }), nobody), {
      username: 'alice',
      uid: undefined,
      groups: ['dev', 'system:authenticated'],
      extra: new Map(),
    });
    const groups = ['system:authenticated', 'dev'];
    assert.deepEqual(admitUser(user('alice', groups), nobody).groups, ['dev', 'system:authenticated']);
    assert.equal(admitUser(user('alice', [], { expires: 7 }), nobody).expires, 7);
  });

  it('may not have a name or group that Kubernetes reserves', () => {
    for (const [name, ...groups] of [
      ['system:admin'],
      ['system:kube-controller-manager'],
      ['system:node:worker-1', 'system:nodes'],
      ['alice', 'dev', 'system:masters'],
      ['alice', 'system:nodes'],
      ['alice', 'system:'],
      ['alice', 'dev', 'kubeadm:cluster-admins'],
      ['kubeadm:admin'],
      ['alice', 'kubeadm:'],
      [robot],
      ['alice', 'system:serviceaccounts'],
    ] as const) {
      assert.throws(
        () => admitUser(user(name, groups), nobody),
        (error: unknown) =>
          error instanceof IdentityError &&
          /^(?:user|group) "(?:system|kubeadm):.*--allow-system-identities$/.test(error.message),
        [name, ...groups].join(),
      );
    }
  });

  it('keeps the groups of --accept-group alone, but for those that Kubernetes gives, and not if one is reserved', () => {
    const lines: unknown[] = [];
    const logger = { info: (...line: unknown[]) => lines.push(line.length === 2 ? line[0] : line) };
    const accepted = new AcceptedGroups(['dev', 'Team "A", EU'], logger as never);
    for (const [name, groups, kept, leftOut] of [
      ['alice', ['dev', 'Team "A", EU'], ['dev', 'Team "A", EU'], undefined],
      ['alice', ['ops', 'dev', 'Team "A"', ' EU'.trim()], ['dev'], ['ops', 'Team "A"', 'EU']],
      ['alice', ['DEV', 'ops'], [], ['DEV', 'ops']],
      [robot, ['system:serviceaccounts', 'system:serviceaccounts:shop', 'ops'], undefined, ['ops']],
    ] as const) {
      const admitted = admitUser(user(name, groups), { ...cluster, accepted });
      assert.deepEqual(admitted.groups, [...(kept ?? groups.slice(0, 2)), 'system:authenticated']);
      assert.deepEqual(admitted.leftOut, leftOut);
    }
    assert.deepEqual(
      lines,
      ['ops', 'Team "A"', 'EU', 'DEV'].map(group => ({ group })),
    );
    for (const group of [
      ...['system:masters', 'kubeadm:cluster-admins', 'system:serviceaccounts', ' ops', 'o\nps'],
    ]) {
      assert.throws(() => admitUser(user('alice', [group]), { ...nobody, accepted }), IdentityError, group);
    }
    const many = Array.from({ length: 200 }, (_, index) => `group-${index}`);
    assert.equal(admitUser(user('alice', many), { ...nobody, accepted }).leftOut?.length, 200);
    assert.equal(lines.length, 101);
    assert.deepEqual(lines.at(-1), ['the log names no more groups that are left out']);
  });

  it('may be a service account with its own groups, if the cluster itself says so', () => {
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'];
    assert.deepEqual(admitUser(user(robot, groups), cluster).groups, groups);
    for (const [name, ...others] of [
      [robot, 'system:masters', 'kubeadm:cluster-admins', 'system:serviceaccounts:kube-system'],
      ...['shop', 'shop:', ':robot', 'shop:robot:x'].map(
        of => [`system:serviceaccount:${of}`, 'dev'] as const,
      ),
      ['system:serviceaccounts:shop:robot', 'dev'],
      ['alice', 'system:serviceaccounts'],
      ['system:node:worker-1', 'system:nodes'],
    ] as const) {
      for (const group of others)
        assert.throws(() => admitUser(user(name, [group]), cluster), IdentityError, `${name} ${group}`);
    }
  });

  it('is sent by the name alone if it is a service account with all groups that the API server would add, and no other one', () => {
    const byName = { ...cluster, serviceAccountsByName: true };
    const own = ['system:serviceaccounts', 'system:serviceaccounts:shop'];
    const more = { uid: '1', extra: new Map([['a', ['b']]]) };
    assert.equal(admitUser(user(robot, own, more), byName).isSentByName, true);
    assert.deepEqual(admitUser(user(robot, own, more), byName).groups, [...own, 'system:authenticated']);
    for (const [name, groups, rules] of [
      [robot, own, cluster],
      ['alice', ['dev'], byName],
      [
        'system:serviceaccount:shop:a:b',
        ['dev'],
        { ...byName, allowed: new Set(['system:serviceaccount:shop:a:b']) },
      ],
      [robot, [...own, 'dev'], byName],
      [robot, own.slice(0, 1), byName],
      [robot, own.slice(1), byName],
      [robot, [], byName],
    ] as const)
      assert.equal(admitUser(user(name, groups, more), rules).isSentByName, undefined, `${name} ${groups}`);
    const accepted = new AcceptedGroups(['x'], { info() {} } as never);
    assert.equal(admitUser(user(robot, [...own, 'dev'], more), { ...byName, accepted }).isSentByName, true);
  });

  it('may have a reserved name or group that the options list exactly', () => {
    const allowed = new Set(['system:masters', 'system:admin', 'kubeadm:cluster-admins']);
    for (const [name, group, passes] of [
      ['system:admin', 'system:masters', true],
      ['alice', 'kubeadm:cluster-admins', true],
      ['alice', 'kubeadm:cluster-admins:x', false],
      ['system:admin2', 'dev', false],
      ['alice', 'system:masters:x', false],
    ] as const) {
      const admit = () => admitUser(user(name, [group]), { allowed, serviceAccounts: false });
      if (passes) assert.equal(admit().username, name);
      else assert.throws(admit, IdentityError, name);
    }
  });

  it('is never anonymous, even if the options list that name', () => {
    const allowed = new Set(['system:anonymous', 'system:unauthenticated']);
    const rules = { allowed, serviceAccounts: true };
    assert.throws(
      () => admitUser(user('system:anonymous'), rules),
      (error: unknown) => error instanceof AuthenticationError && !error.isPassing,
    );
    assert.throws(() => admitUser(user('alice', ['system:unauthenticated']), rules), AuthenticationError);
  });

  it('may not have a name, group, uid or extra field that changes its meaning in a header', () => {
    const bad = [' system:masters', 'system:masters ', '\tsystem:masters', 'a\r\nb', 'a\0', 'a\x7f', ' '];
    for (const value of bad) {
      const what = JSON.stringify(value);
      assert.throws(() => admitUser(user(value), nobody), IdentityError, what);
      assert.throws(() => admitUser(user('alice', [value]), nobody), IdentityError, what);
      assert.throws(() => admitUser(user('alice', [], { uid: value }), nobody), IdentityError, what);
      const extra = new Map([['scopes', [value]]]);
      assert.throws(() => admitUser(user('alice', [], { extra }), nobody), IdentityError, what);
    }
    assert.throws(() => admitUser(user(''), nobody), IdentityError, 'no name: the proxy itself');
    const extra = new Map([['', ['x']]]);
    assert.throws(() => admitUser(user('alice', [], { extra }), nobody), IdentityError);
  });
});

describe('the header fields of a user', () => {
  it('have at most 256 KB, whatever takes them', () => {
    // name, value and 32 bytes, as in HTTP/2
    const room = 256 * 1024 - ('Impersonate-User'.length + 1 + 32) - ('Impersonate-Group'.length + 20 + 32);
    const valueFor = (name: string) => 'x'.repeat(room - name.length - 32);
    const [uid, group, extra] = ['Impersonate-Uid', 'Impersonate-Group', 'Impersonate-Extra-Scopes'].map(
      valueFor,
    );
    const many = Array.from({ length: (256 * 1024) / 53 }, (_, index) => index.toString(36).padStart(4, '0'));
    for (const [more, groups] of [
      [(add: string) => ({ uid: uid + add }), []],
      [() => ({}), [group]],
      [(add: string) => ({ extra: new Map([['scopes', [extra + add]]]) }), []],
    ] as const) {
      const make = (add: string) => {
        const given = groups.map(name => name + add);
        return user('u', given, more(add));
      };
      assert.equal(admitUser(make(''), nobody).username, 'u');
      assertTooLarge(make('x'), [admitUser]);
    }
    assertTooLarge(user('u', many));
    assertTooLarge(user('\u00e9'.repeat(131_072), ['dev']));
    const empty = new Map([['s', Array<string>(5_200).fill('')]]);
    assertTooLarge(user('u', [], { extra: empty }));
  });

  it('are measured in linear time, and no further than to the limit', () => {
    assertLinear(20_000, length => {
      const values = new Map([['a', Array<string>(length).fill('x'.repeat(10_000))]]);
      const large = user('u', [], { extra: values });
      const many = new Map(Array.from({ length }, (_, key) => [`${key}`, ['x'.repeat(100)]]));
      const keys = user('u', [], { extra: many });
      return () => {
        assertTooLarge(large);
        assertTooLarge(keys);
      };
    });
  });

  function assertTooLarge(
    large: ReturnType<typeof user>,
    checks: readonly (typeof checkIdentity)[] = [admitUser, checkIdentity],
  ): void {
    for (const check of checks) {
      assert.throws(
        () => check(large, nobody),
        (error: unknown) => {
          assert.ok(error instanceof IdentityError && error.code === 403);
          assert.match(error.message, /^the user takes more than 256 KB of Impersonate-\* header fields/);
          return error.message.length < 600;
        },
      );
    }
  }
});

describe('a user as whom a caller acts', () => {
  const check = (name: string, groups: readonly string[], ...allowed: readonly string[]) =>
    checkIdentity(user(name, groups), { allowed: new Set(allowed), serviceAccounts: true });

  it('may be a service account in its own groups, and has nothing else that Kubernetes reserves unless the options list it: that is always a 403', () => {
    check(robot, ['dev', 'system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:shop']);
    check('alice', ['dev', 'system:authenticated', '', 'dev']);
    const reserved: readonly (readonly [name: string, group?: string])[] = [
      ['system:admin'],
      ['system:anonymous'],
      ['system:serviceaccount:shop:robot:x'],
      ['system:serviceaccount:Shop:robot'],
      ['system:serviceaccount:shop:ro_bot'],
      [`system:serviceaccount:${'s'.repeat(64)}:robot`],
      [`system:serviceaccount:shop:${'r'.repeat(254)}`],
      ['kubeadm:admin'],
      ['alice', 'system:masters'],
      ['alice', 'system:unauthenticated'],
      ['alice', 'system:serviceaccounts'],
      ['alice', 'system:serviceaccounts:shop'],
      ['alice', 'kubeadm:cluster-admins'],
      [robot, 'system:masters'],
      [robot, 'system:serviceaccounts:kube-system'],
      ['system:anonymous', 'dev'],
    ];
    for (const [name, group] of reserved) {
      const groups = group === undefined ? [] : [group];
      assert.throws(
        () => check(name, groups),
        (error: unknown) => error instanceof IdentityError && error.code === 403,
        `${name} ${group}`,
      );
      check(name, groups, name, ...groups);
    }
  });
});
