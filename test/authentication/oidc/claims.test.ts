import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthenticationError } from '../../../src/authentication/identity.js';
import { type ClaimMapping, userOfClaims } from '../../../src/authentication/oidc/claims.js';
import { claimMappingOf, oidcProblems } from '../../../src/authentication/oidc/options.js';

const mapping: ClaimMapping = {
  usernameClaim: 'sub',
  usernamePrefix: '',
  groupsClaim: 'groups',
  groupsPrefix: '',
  requiredClaims: new Map(),
};

const options = {
  oidcIssuerUrl: 'https://issuer.example',
  oidcClientId: 'gateway',
  oidcUsernameClaim: 'sub',
  oidcUsernamePrefix: '',
  oidcGroupsClaim: '',
  oidcGroupsPrefix: '',
  oidcRequiredClaim: [] as string[],
  oidcSigningAlgs: ['RS256'],
  oidcCaFile: '',
};

describe('the claims of an id-token', () => {
  it('give a name and groups, with their prefixes', () => {
    const prefixed = { ...mapping, usernamePrefix: 'oidc:', groupsPrefix: 'g:' };
    const user = userOfClaims({ sub: 'alice', groups: ['dev', 'ops'], email: 'x' }, prefixed);
    assert.equal(user.username, 'oidc:alice');
    assert.deepEqual(user.groups, ['g:dev', 'g:ops']);
    assert.equal(user.uid, undefined);
    assert.deepEqual(userOfClaims({ sub: 'alice', groups: 'dev' }, mapping).groups, ['dev']);
    assert.deepEqual(userOfClaims({ sub: 'alice' }, mapping).groups, []);
    assert.deepEqual(
      userOfClaims({ sub: 'alice', groups: ['dev'] }, { ...mapping, groupsClaim: '' }).groups,
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
      () => userOfClaims({ sub: 'x' }, { ...mapping, usernameClaim: 'constructor' }),
      AuthenticationError,
    );
  });

  it('give no user with an unverified email; an email without email_verified is accepted', () => {
    const byEmail = { ...mapping, usernameClaim: 'email' };
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
    for (const hd of [undefined, '', 'Example.com', ['example.com'], true]) {
      assert.throws(() => userOfClaims({ sub: 'alice', hd }, strict), AuthenticationError);
    }
  });
});

describe('the options for an issuer', () => {
  it('put the issuer before names that are not emails, unless they say otherwise', () => {
    const prefixOf = (more: object) => claimMappingOf({ ...options, ...more }).usernamePrefix;
    assert.equal(prefixOf({}), 'https://issuer.example#');
    assert.equal(prefixOf({ oidcUsernameClaim: 'email' }), '');
    assert.equal(prefixOf({ oidcUsernamePrefix: '-' }), '');
    assert.equal(prefixOf({ oidcUsernamePrefix: 'oidc:' }), 'oidc:');
    assert.equal(prefixOf({ oidcUsernameClaim: 'email', oidcUsernamePrefix: 'oidc:' }), 'oidc:');
    const { requiredClaims } = claimMappingOf({ ...options, oidcRequiredClaim: ['a=b=c', 'd='] });
    assert.deepEqual(
      [...requiredClaims],
      [
        ['a', 'b=c'],
        ['d', ''],
      ],
    );
  });

  it('are reported as problems if they are wrong', () => {
    assert.deepEqual(oidcProblems(options), []);
    assert.deepEqual(oidcProblems({ ...options, oidcIssuerUrl: '', oidcClientId: '' }), []);
    for (const [more, problem] of [
      [{ oidcClientId: '' }, /must be set together/],
      [{ oidcIssuerUrl: '' }, /must be set together/],
      [{ oidcIssuerUrl: 'http://issuer.example' }, /--oidc-issuer-url: "http:\/\/issuer\.example" is not/],
      [{ oidcIssuerUrl: 'issuer.example' }, /--oidc-issuer-url is not a URL/],
      [{ oidcIssuerUrl: 'https://a:b@issuer.example' }, /has an @ in it/],
      [{ oidcIssuerUrl: 'https://issuer.example?x' }, /has a query/],
      [{ oidcIssuerUrl: 'https://issuer.example#' }, /has a query or a fragment/],
      [{ oidcSigningAlgs: ['RS256', 'HS256'] }, /--oidc-signing-algs: "HS256" is not one of RS256/],
      [{ oidcSigningAlgs: ['none'] }, /"none" is not one of/],
      [{ oidcSigningAlgs: [] }, /is empty/],
      [{ oidcRequiredClaim: ['a=b', 'c'] }, /value 2 of 2 is not KEY=VALUE/],
    ] as const) {
      const problems = oidcProblems({ ...options, ...more });
      assert.equal(problems.length, 1, JSON.stringify(more));
      assert.match(problems[0] ?? '', problem);
    }
  });
});
