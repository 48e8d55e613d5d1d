import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationOf, options as definitions, oidcProblems } from '../../../src/features/oidc/options.js';
import { parseOptions } from '../../../src/options/parse.js';

const { options: presets } = parseOptions({ argv: [], env: {} });
const options = { ...presets, oidcIssuerUrl: 'https://issuer.example', oidcClientId: 'gateway' };

describe('the options for an issuer', () => {
  it('put the issuer before names that are not emails, unless they say otherwise', () => {
    const prefixOf = (more: object) =>
      configurationOf({ ...options, ...more }).jwt[0]?.claimMappings.username?.prefix;
    assert.equal(prefixOf({}), 'https://issuer.example#');
    assert.equal(prefixOf({ oidcUsernameClaim: 'email' }), '');
    assert.equal(prefixOf({ oidcUsernamePrefix: '-' }), '');
    assert.equal(prefixOf({ oidcUsernamePrefix: 'oidc:' }), 'oidc:');
    assert.equal(prefixOf({ oidcUsernameClaim: 'email', oidcUsernamePrefix: 'oidc:' }), 'oidc:');
    const [first] = configurationOf({ ...options, oidcGroupsClaim: 'g', oidcGroupsPrefix: 'p:' }).jwt;
    assert.deepEqual(first?.claimMappings.groups, { claim: 'g', prefix: 'p:' });
    assert.equal(configurationOf(options).jwt[0]?.claimMappings.groups, undefined);
    assert.deepEqual(first?.issuer, { url: 'https://issuer.example', audiences: ['gateway'] });
    const { jwt } = configurationOf({ ...options, oidcRequiredClaim: ['a=b=c', 'd=1', 'd='] });
    assert.deepEqual(jwt[0]?.claimValidationRules, [
      { claim: 'a', requiredValue: 'b=c' },
      { claim: 'd', requiredValue: '' },
    ]);
  });

  it('are reported as problems if they are wrong', () => {
    assert.deepEqual(oidcProblems(options), []);
    const oidcSigningAlgs = 'RS256,RS384,RS512,ES256,ES384,ES512,PS256,PS384,PS512'.split(',');
    assert.deepEqual(oidcProblems({ ...options, oidcSigningAlgs }), []);
    const empty = Object.keys(definitions).filter(
      key => !['oidcUsernameClaim', 'oidcSigningAlgs'].includes(key),
    );
    for (const key of empty) assert.equal(String(presets[key as keyof typeof presets]), '', key);
    // An empty flag counts if its preset is not empty.
    const flags = new Set(['oidcGroupsClaim', 'oidcUsernameClaim']);
    assert.deepEqual(oidcProblems({ ...options, authenticationConfig: 'f', oidcUsernameClaim: '' }, flags), [
      '--authentication-config cannot be used with --oidc-username-claim',
    ]);
    assert.deepEqual(oidcProblems({ ...options, oidcIssuerUrl: '', oidcClientId: '' }), []);
    for (const [more, problem] of [
      [{ oidcClientId: '' }, /must be set together/],
      [{ oidcIssuerUrl: '' }, /must be set together/],
      [{ oidcIssuerUrl: 'http://issuer.example' }, /--oidc-issuer-url: "http:\/\/issuer\.example" is not/],
      [{ oidcIssuerUrl: 'issuer.example' }, /--oidc-issuer-url is not a URL/],
      [{ oidcIssuerUrl: 'https://a:b@issuer.example' }, /has an @ in it/],
      [{ oidcIssuerUrl: 'https://issuer.example?x' }, /has a query/],
      [{ oidcIssuerUrl: 'https://issuer.example#' }, /has a query or a fragment/],
      [{ oidcUsernameClaim: '' }, /^--oidc-username-claim is empty$/],
      [{ oidcSigningAlgs: ['RS256', 'HS256'] }, /--oidc-signing-algs: "HS256" is not one of RS256/],
      [{ oidcSigningAlgs: ['none'] }, /"none" is not one of/],
      [{ oidcSigningAlgs: [] }, /is empty/],
      [{ oidcRequiredClaim: ['a=b', 'c'] }, /value 2 of 2 is not KEY=VALUE/],
      [
        { authenticationConfig: 'f' },
        /--authentication-config cannot be used with --oidc-issuer-url, --oidc-client-id$/,
      ],
    ] as const) {
      const problems = oidcProblems({ ...options, ...more }, new Set(['oidcIssuerUrl', 'oidcClientId']));
      assert.equal(problems.length, 1, JSON.stringify(more));
      assert.match(problems[0] ?? '', problem);
    }
  });

  it('are needed by --sign-in-scopes, and may stand in a file', () => {
    const problems = (...argv: string[]) => parseOptions({ argv, env: {} }).problems;
    const issuer = ['--oidc-issuer-url=https://login.example', '--oidc-client-id=gateway'];
    for (const flags of [issuer, ['--authentication-config=issuers.yaml']])
      assert.deepEqual(problems('--sign-in-scopes=openid', ...flags), []);
    assert.deepEqual(problems('--sign-in-scopes=openid'), [
      '--sign-in-scopes needs an OpenID Connect issuer: --oidc-issuer-url or --authentication-config',
    ]);
  });
});
