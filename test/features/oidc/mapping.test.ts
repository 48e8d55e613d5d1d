import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { compileExpression } from '../../../src/features/oidc/expressions.js';
import { type ClaimMapping, userOfClaims } from '../../../src/features/oidc/mapping.js';

const mapping: ClaimMapping = {
  username: { claim: 'sub', prefix: '' },
  groups: { claim: 'groups', prefix: '' },
  uid: undefined,
  extra: [],
  requiredClaims: new Map(),
  claimRules: [],
  userRules: [],
};

const byEmail = { ...mapping, username: { claim: 'email', prefix: '' } };

describe('the claims of an id-token', () => {
  it('give a name and groups, with their prefixes', () => {
    const prefixed = {
      ...mapping,
      username: { claim: 'sub', prefix: 'oidc:' },
      groups: { claim: 'groups', prefix: 'g:' },
    };
    const user = userOfClaims({ sub: 'alice', groups: ['dev', 'ops'], email: 'x' }, prefixed);
    assert.equal(user.username, 'oidc:alice');
    assert.deepEqual(user.groups, ['g:dev', 'g:ops']);
    assert.equal(user.uid, undefined);
    assert.deepEqual(userOfClaims({ sub: 'alice', groups: 'dev' }, mapping).groups, ['dev']);
    for (const none of [{}, { groups: null }])
      assert.deepEqual(userOfClaims({ sub: 'alice', ...none }, mapping).groups, []);
    assert.deepEqual(
      userOfClaims({ sub: 'alice', groups: ['dev'] }, { ...mapping, groups: undefined }).groups,
      [],
    );
    // Distributed claims are not fetched.
    const distributed = { sub: 'alice', _claim_names: { groups: 'src' }, _claim_sources: { src: {} } };
    assert.deepEqual(userOfClaims(distributed, mapping).groups, []);
  });

  it('give no user without a name that is a string, or with groups that are not strings', () => {
    for (const claims of [
      {},
      { sub: '' },
      { sub: 7 },
      { sub: null },
      { sub: ['alice'] },
      { sub: { toString: 'alice' } },
      { sub: 'alice', groups: 7 },
      { sub: 'alice', groups: ['dev', 7] },
      { sub: 'alice', groups: { dev: true } },
      JSON.parse('{"__proto__": {"sub": "alice"}}') as object,
    ]) {
      assert.throws(() => userOfClaims({ ...claims }, mapping), AuthenticationError, JSON.stringify(claims));
    }
    assert.throws(
      () => userOfClaims({ sub: 'x' }, { ...mapping, username: { claim: 'constructor', prefix: '' } }),
      AuthenticationError,
    );
  });

  it('give no user with an unverified email; an email without email_verified is accepted', () => {
    const email = 'alice@example.com';
    assert.equal(userOfClaims({ email }, byEmail).username, email);
    assert.equal(userOfClaims({ email, email_verified: true }, byEmail).username, email);
    for (const verified of [false, 'true', 1, null]) {
      assert.throws(() => userOfClaims({ email, email_verified: verified }, byEmail), AuthenticationError);
    }
    assert.equal(userOfClaims({ sub: 'alice', email_verified: false }, mapping).username, 'alice');
  });

  it('give no user unless every required claim has exactly the required value', () => {
    const strict = { ...mapping, requiredClaims: new Map([['hd', 'example.com']]) };
    assert.equal(userOfClaims({ sub: 'alice', hd: 'example.com' }, strict).username, 'alice');
    const empty = { ...mapping, requiredClaims: new Map([['hd', '']]) };
    for (const hd of ['', null]) assert.equal(userOfClaims({ sub: 'alice', hd }, empty).username, 'alice');
    assert.throws(() => userOfClaims({ sub: 'alice' }, empty), AuthenticationError);
    for (const hd of [undefined, null, '', 'Example.com', ['example.com'], true]) {
      assert.throws(() => userOfClaims({ sub: 'alice', hd }, strict), AuthenticationError);
    }
  });
});

describe('the other claims of an id-token', () => {
  it('give a uid if it is a string, and the ID of the token as an extra field', () => {
    const byId = { ...mapping, uid: { claim: 'oid', prefix: '' } };
    assert.equal(userOfClaims({ sub: 'alice', oid: 'u-1' }, byId).uid, 'u-1');
    assert.equal(userOfClaims({ sub: 'alice', oid: null }, byId).uid, '');
    for (const oid of [undefined, 7, ['u-1']]) {
      assert.throws(() => userOfClaims({ sub: 'alice', oid }, byId), AuthenticationError);
    }
    const extraOf = (jti: unknown) => [...userOfClaims({ sub: 'alice', jti }, mapping).extra];
    assert.deepEqual(extraOf('t-1'), [['authentication.kubernetes.io/credential-id', ['JTI=t-1']]]);
    for (const jti of [undefined, '', 7, null, ['t-1']]) assert.deepEqual(extraOf(jti), []);
  });

  it('are mapped and checked by expressions', () => {
    const full: ClaimMapping = {
      ...mapping,
      username: compileExpression('claims.team + ":" + claims.sub', 'claims'),
      groups: compileExpression('dyn(claims.roles).map(r, "r:" + r)', 'claims'),
      uid: compileExpression('claims.oid', 'claims'),
      extra: [
        {
          key: 'example.org/a',
          value: compileExpression('["x", "", string(claims.sub)].filter(x, x != "")', 'claims'),
        },
        { key: 'example.org/none', value: compileExpression('""', 'claims') },
      ],
      claimRules: [
        {
          expression: compileExpression('claims.roles.size() < 3', 'claims', { isRule: true }),
          message: 'many',
        },
      ],
      userRules: [
        {
          expression: compileExpression('user.groups.all(g, g != "r:root") && user.uid != ""', 'user', {
            isRule: true,
          }),
          message: '',
        },
      ],
    };
    const claims = { sub: 'alice', team: 'a', oid: 'u-1', roles: ['dev', 'ops'] };
    assert.deepEqual(userOfClaims(claims, full), {
      username: 'a:alice',
      uid: 'u-1',
      groups: ['r:dev', 'r:ops'],
      extra: new Map([['example.org/a', ['x', 'alice']]]),
    });
    for (const [change, reason] of [
      [{ team: undefined }, /the expression "claims\.team .* has no result: No such key/],
      [{ roles: 'dev' }, /has no result: found no matching overload for 'range/],
      [{ roles: ['root'] }, /the expression "user\.groups.*" is false$/],
      [{ roles: ['1', '2', '3'] }, /is false: many/],
      [{ oid: 1 }, /"claims\.oid" has no result: it is no string/],
      [{ oid: '' }, /is false/],
    ] as const) {
      const changed = JSON.parse(JSON.stringify({ ...claims, ...change })) as object;
      assert.throws(() => userOfClaims({ ...changed }, full), { message: reason }, JSON.stringify(change));
    }
    assert.throws(
      () => userOfClaims({ sub: '' }, { ...mapping, username: compileExpression('claims.sub', 'claims') }),
      /is an empty name/,
    );
  });
});

describe('a user who is too large', () => {
  const expression = (text: string) => compileExpression(text, 'claims');
  const extraOf = (text: string) => [{ key: 'example.org/a', value: expression(text) }];
  const names = Array.from({ length: 20_000 }, (_, index) => `${index}`);

  it('gets a 403 that names the claim or the mapping, and no part of the token or of an expression', () => {
    const text = 'x'.repeat(90_000);
    const long = 'x'.repeat(300_000);
    const large = expression('claims.text + claims.text + claims.text');
    const byClaim = { claim: 'groups', prefix: 'p'.repeat(100) };
    const extra = 'extra field "example.org/a", from claimMappings.extra';
    const ownExtra = 'extra field "authentication.kubernetes.io/credential-id", from the claim "jti"';
    for (const [origin, claims, more] of [
      ['name, from the claim "sub"', { sub: long }, {}],
      ['groups, from the claim "groups"', { groups: names.slice(0, 2_000) }, { groups: byClaim }],
      ['uid, from the claim "oid"', { oid: long }, { uid: { claim: 'oid', prefix: '' } }],
      [ownExtra, { jti: long }, {}],
      ['name, from claimMappings.username.expression', { text }, { username: large }],
      ['uid, from claimMappings.uid.expression', { text, oid: 'a' }, { uid: large }],
      [
        ...(['groups, from claimMappings.groups.expression', { names }] as const),
        { groups: expression('dyn(claims.names).map(x, x)') },
      ],
      [extra, { names }, { extra: extraOf('dyn(claims.names).map(x, "a")') }],
      // 1.8 GB of header fields
      [extra, { names, text }, { extra: extraOf('dyn(claims.names).map(x, claims.text)') }],
    ] as const) {
      assert.throws(
        () => userOfClaims({ sub: 'alice', ...claims }, { ...mapping, ...more }),
        (error: unknown) =>
          error instanceof IdentityError && error.message.endsWith(`most of them are for its ${origin}`),
        origin,
      );
    }
  });

  it('is refused before an expression about the user reads it, and after those about the claims', () => {
    const rule = (text: string, variable: 'claims' | 'user') => [
      { expression: compileExpression(text, variable, { isRule: true }), message: '' },
    ];
    const large = { ...mapping, extra: extraOf('dyn(claims.names).map(x, "a")') };
    const claims = { sub: 'alice', names };
    const userRules = rule('user.username == "bob"', 'user');
    assert.throws(() => userOfClaims(claims, { ...large, userRules }), IdentityError);
    const claimRules = rule('claims.sub == "bob"', 'claims');
    assert.throws(() => userOfClaims(claims, { ...large, claimRules }), AuthenticationError);
  });
});
