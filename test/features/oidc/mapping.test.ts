import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { EvaluationError } from '../../../src/features/common/cel/values.js';
import {
  type Problem,
  parseConfigurationFile,
} from '../../../src/features/common/configuration-file/parse.js';
import { readAuthenticators } from '../../../src/features/oidc/configuration-file.js';
import { compileExpression } from '../../../src/features/oidc/expressions.js';
import { type ClaimMapping, userOfClaims } from '../../../src/features/oidc/mapping.js';
import { authenticationFile } from '../../../src/features/oidc/validation.js';
import type { JsonObject } from '../../../src/lib/json.js';
import { configurations, type JwtConfiguration } from './jwt-configurations.js';

const mapping: ClaimMapping = {
  username: { claim: 'sub', prefix: '' },
  groups: { claim: 'groups', prefix: '' },
  uid: undefined,
  extra: [],
  requiredClaims: new Map(),
  claimRules: [],
  userRules: [],
};

/** The mapping of an entry of the API server's file. */
async function mappingOf({ entry, issuer }: JwtConfiguration): Promise<ClaimMapping> {
  const problems: Problem[] = [];
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
  const jwt = {
    issuer: { url: 'https://a.example', audiences: ['gateway'], ...issuer },
    claimMappings: { username: { claim: 'sub', prefix: '' } },
    ...entry,
  };
  const text = JSON.stringify({ ...head, jwt: [jwt] });
  const parsed = parseConfigurationFile(authenticationFile, 'FILE', text, problems);
  const entries = parsed && (await readAuthenticators(parsed.content, parsed.report));
  return entries?.[0]?.mapping ?? assert.fail(JSON.stringify(problems));
}

describe('the claims of an id-token', () => {
  // The API server agrees with the table: apiserver/authentication-config.test.ts.
  for (const configuration of configurations) {
    it(`give the name that they give in the API server, with ${configuration.what}`, async () => {
      const mapped = await mappingOf(configuration);
      for (const [what, more, name] of configuration.tokens) {
        // Audiences are a matter of the verifier.
        if ('aud' in more) continue;
        const all = { iat: 1_700_000_000, exp: 1_700_003_000, sub: 'alice', ...more };
        const claims = JSON.parse(JSON.stringify(all)) as JsonObject;
        if (name === undefined) {
          const isRefused = (error: unknown) =>
            error instanceof AuthenticationError || error instanceof EvaluationError;
          assert.throws(() => userOfClaims(claims, mapped), isRefused, what);
        } else assert.equal(userOfClaims(claims, mapped).username, name, what);
      }
    });
  }

  it('give groups with their prefix, a uid, and the ID of the token as an extra field', () => {
    const prefixed = {
      ...{ ...mapping, groups: { claim: 'groups', prefix: 'g:' }, uid: { claim: 'oid', prefix: '' } },
    };
    const userOf = (more: object, by: ClaimMapping = prefixed) =>
      userOfClaims({ sub: 'alice', oid: 'u-1', ...more }, by);
    assert.deepEqual(userOf({ groups: ['dev', 'ops'] }).groups, ['g:dev', 'g:ops']);
    assert.deepEqual(userOf({ groups: 'dev' }).groups, ['g:dev']);
    for (const none of [{}, { groups: null }]) assert.deepEqual(userOf(none).groups, []);
    assert.deepEqual(userOf({ groups: ['dev'] }, { ...mapping, groups: undefined }).groups, []);
    // Distributed claims are not fetched.
    assert.deepEqual(userOf({ _claim_names: { groups: 'a' }, _claim_sources: { a: {} } }).groups, []);
    assert.deepEqual(
      [userOf({}).uid, userOf({ oid: null }).uid, userOf({}, mapping).uid],
      ['u-1', '', undefined],
    );
    const extraOf = (jti: unknown) => [...userOf({ jti }).extra];
    assert.deepEqual(extraOf('t-1'), [['authentication.kubernetes.io/credential-id', ['JTI=t-1']]]);
    for (const jti of [undefined, '', 7, null, ['t-1']]) assert.deepEqual(extraOf(jti), []);
  });

  it('are their own fields alone, and give no name that is empty, although the API server takes one', () => {
    for (const sub of ['', null]) assert.throws(() => userOfClaims({ sub }, mapping), AuthenticationError);
    const claims = JSON.parse('{"__proto__": {"sub": "alice"}}') as JsonObject;
    for (const claim of ['sub', 'constructor']) {
      const by = { ...mapping, username: { claim, prefix: '' } };
      assert.throws(() => userOfClaims({ ...claims }, by), AuthenticationError);
    }
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

  it('gets a 403 without any content of the token or of an expression', () => {
    const text = 'x'.repeat(90_000);
    const long = 'x'.repeat(300_000);
    const large = expression('claims.text + claims.text + claims.text');
    const byClaim = { claim: 'groups', prefix: 'p'.repeat(100) };
    for (const [claims, more] of [
      [{ sub: long }, {}],
      [{ groups: names.slice(0, 2_000) }, { groups: byClaim }],
      [{ oid: long }, { uid: { claim: 'oid', prefix: '' } }],
      [{ jti: long }, {}],
      [{ text }, { username: large }],
      [{ text, oid: 'a' }, { uid: large }],
      [...([{ names }] as const), { groups: expression('dyn(claims.names).map(x, x)') }],
      [{ names }, { extra: extraOf('dyn(claims.names).map(x, "a")') }],
      // 1.8 GB of header fields
      [{ names, text }, { extra: extraOf('dyn(claims.names).map(x, claims.text)') }],
    ] as const) {
      assert.throws(
        () => userOfClaims({ sub: 'alice', ...claims }, { ...mapping, ...more }),
        (error: unknown) =>
          error instanceof IdentityError &&
          / 256 KB of Impersonate-\* header fields, and the API server gets no more$/.test(error.message),
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
