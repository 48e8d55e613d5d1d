import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { type OidcConfig, parseOidcConfig } from '../../src/kubeconfig/auth-provider.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';

const label = 'user "alice" in /home/alice/.kube/config';
const idToken = createIdToken(new Date());
const complete = {
  'idp-issuer-url': 'https://issuer.example/realms/test',
  'client-id': 'kubernetes',
  'client-secret': 'the-client-secret',
  'id-token': idToken,
  'refresh-token': 'the-refresh-token',
};

function problemsOf(authProvider: Record<string, unknown>): readonly string[] {
  const problems: string[] = [];
  parseOidcConfig(authProvider, label, problems);
  return problems;
}

function parsed(config: Record<string, unknown>): OidcConfig | undefined {
  assert.deepEqual(problemsOf({ name: 'oidc', config }), []);
  return parseOidcConfig({ name: 'oidc', config }, label, []);
}

const problemsWith = (config: Record<string, unknown>) =>
  problemsOf({ name: 'oidc', config: { ...complete, ...config } });

describe('an oidc auth-provider', () => {
  it('is read with all fields that client-go knows, and extra-scopes is ignored', () => {
    const config = {
      ...complete,
      'extra-scopes': 'groups',
      'idp-certificate-authority-data': Buffer.from('pem').toString('base64'),
    };
    assert.deepEqual(parsed(config), {
      issuer: 'https://issuer.example/realms/test',
      clientId: 'kubernetes',
      clientSecret: 'the-client-secret',
      idToken,
      refreshToken: 'the-refresh-token',
      certificateAuthority: {
        data: Buffer.from('pem'),
        origin: `idp-certificate-authority-data of ${label}`,
      },
    });
  });

  it('needs no secret, and only one of the tokens; its authority is relative to the working folder, as in client-go', () => {
    const { 'client-secret': _, 'id-token': token, ...minimal } = complete;
    for (const config of [minimal, { ...minimal, 'refresh-token': null, 'id-token': token }]) {
      assert.ok(parsed(config));
    }
    const config = { ...complete, 'idp-certificate-authority': 'ca.crt' };
    assert.deepEqual(parsed(config)?.certificateAuthority, { file: resolve('ca.crt') });
  });

  it('has all its missing fields reported', () => {
    assert.deepEqual(problemsOf({ name: 'oidc' }), [
      `${label}: the oidc auth-provider has no idp-issuer-url`,
      `${label}: the oidc auth-provider has no client-id`,
      `${label}: the oidc auth-provider has neither an id-token nor a refresh-token; log in first`,
    ]);
  });

  it('is rejected if a value is not of its kind, and the value is not shown', () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ 'client-id': 12 }, 'client-id of the auth-provider is not a string'],
      [{ 'id-token': 'se.cr.et' }, 'the id-token is not a JSON Web Token'],
      [{ 'id-token': `${idToken}\r\nx` }, 'the id-token is not a JSON Web Token'],
      [{ 'idp-issuer-url': 'issuer.example' }, 'idp-issuer-url is not a URL'],
      [
        { 'idp-issuer-url': 'https://me:secret@issuer.example' },
        'idp-issuer-url has an @ in it; an issuer has no user name and no password',
      ],
      [{ 'idp-issuer-url': 'https://issuer.example?secret' }, 'idp-issuer-url has a query or a fragment'],
      [
        { 'idp-issuer-url': 'http://issuer.example' },
        'idp-issuer-url: "http://issuer.example" is not https://',
      ],
    ];
    for (const [config, problem] of cases)
      assert.equal(problemsWith(config)[0], `${label}: ${problem}`, problem);
    assert.deepEqual(problemsWith({ 'idp-certificate-authority-data': '%' }), [
      `idp-certificate-authority-data of ${label} is not base64`,
    ]);
    assert.deepEqual(problemsOf({ name: 'oidc', config: [] }), [
      `${label}: config of the auth-provider is not a mapping`,
    ]);
  });
});

it('another auth-provider is rejected with the command that replaces it if client-go once had it, and is unknown by any other name, even by that of a property of every object', () => {
  for (const [name, problem] of [
    ['gcp', /the gcp auth plugin has been removed .*gke-gcloud-auth-plugin/],
    ['azure', /the azure auth plugin has been removed .*kubelogin convert-kubeconfig/],
    ['openstack', /client-keystone-auth/],
    ['okta', /no Auth Provider found for name "okta"; the only one is oidc$/],
    ['constructor', /no Auth Provider found for name "constructor"/],
    [undefined, /: the auth-provider has no name$/],
  ] as const) {
    assert.match(String(problemsOf({ name })), problem);
  }
});
