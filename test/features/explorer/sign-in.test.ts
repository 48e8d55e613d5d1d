import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPageName, redirectName, signInOrigins } from '../../../src/features/explorer/sign-in.js';

const issuer = {
  url: 'https://login.example/realms/dev',
  isAlone: true,
  clientId: 'gateway',
  scopes: ['openid'],
};
const authorization_endpoint = 'https://login.example/authorize';

function originsOf(endpoint: unknown): readonly string[] {
  const discovery = () => ({ authorization_endpoint, token_endpoint: endpoint });
  return signInOrigins([{ ...issuer, discovery }]);
}

describe('the origins to which the page may send requests', () => {
  it('are there once for all issuers, and not before a discovery document has been read', () => {
    const other = { ...issuer, url: 'https://other.example' };
    const discovery = () => ({
      authorization_endpoint,
      token_endpoint: 'https://token.example/',
      revocation_endpoint: 'https://token.example/x',
    });
    assert.deepEqual(signInOrigins([]), []);
    assert.deepEqual(signInOrigins([{ ...issuer, discovery: () => undefined }]), []);
    const origins = signInOrigins([issuer, other].map(each => ({ ...each, discovery })));
    assert.deepEqual(origins, ['https://login.example', 'https://token.example', 'https://other.example']);
  });

  it('are none for an issuer of programs, which has no page where people sign in', () => {
    for (const page of [undefined, 'urn:kubernetes:programmatic_authorization', 'http://login.example/']) {
      const discovery = () => ({ authorization_endpoint: page, token_endpoint: 'https://token.example/' });
      assert.deepEqual(signInOrigins([{ ...issuer, discovery }]), []);
    }
  });

  for (const [url, origin] of [
    ['https://TOKEN.example:443/realms/x/token?a=b', 'https://token.example'],
    ['https://token.example:8443', 'https://token.example:8443'],
    ['https://[2001:db8::1]/token', 'https://[2001:db8::1]'],
    ['https://user:password@token.example/', 'https://token.example'],
    ['http://127.0.0.1:9/', 'http://127.0.0.1:9'],
    ['http://localhost:9/', 'http://localhost:9'],
    ['http://[::1]:9/', 'http://[::1]:9'],
  ] as const) {
    it(`have no path: ${url}`, () => assert.deepEqual(originsOf(url), ['https://login.example', origin]));
  }

  const hostile = [
    ...`http://token.example/ ws://token.example/ javascript:alert(1) data:text/html,x * https: https://*
        https://*.evil.example/ https://*:*/ https://evil.example;script-src'*' https://a;script-src https://a,b/
        https://'unsafe-inline'/ http://localhost.evil.example/ http://evil-localhost/ http://127.0.0.1.evil.example/
        http://[::2]/ blob:https://a/ filesystem:https://a/ https://$a/`.split(/\s+/),
    ...['', 'https://evil.example\r\nX-A: b', 'https://token.example https://evil.example', "'self' *"],
    `https://${'a.'.repeat(130)}example/`,
  ];
  for (const endpoint of [...hostile, null, 7, ['https://a.example'], { toString: 'https://a.example' }]) {
    it(`are none for a hostile endpoint: ${JSON.stringify(endpoint).slice(0, 60)}`, () => {
      assert.deepEqual(originsOf(endpoint), ['https://login.example']);
    });
  }
});

it('the redirect URI of an issuer is one segment of plain characters, which no other issuer has', () => {
  const names = {
    'https://login.example/realms/dev': 'from-login.example_realms_dev',
    'https://login.example/realms/dev/': 'from-login.example_realms_dev_',
    'https://login.example:8443/my_realm': 'from-login.example:8443_my~5f~realm',
    'https://login.example/my/realm': 'from-login.example_my_realm',
    'https://login.example/a/../b': 'from-login.example_a_.._b',
    'https://login.example/%2F': 'from-login.example_~25~2F',
    'https://login.example/~25~2F': 'from-login.example_~7e~25~7e~2F',
    'https://login.example/é?a=b#c': 'from-login.example_~c3a93f~a~3d~b~23~c',
  };
  for (const [issuer, name] of Object.entries(names)) {
    assert.equal(redirectName(issuer), name);
    assert.ok(isPageName(name));
    assert.equal(new URL(`/-/ui/${name}`, 'https://gw.example').pathname, `/-/ui/${name}`);
  }
  assert.equal(new Set(Object.values(names)).size, Object.keys(names).length);
  assert.ok(isPageName(''));
  for (const name of ['main.js', 'from-', 'x/from-a', 'from-a/x']) assert.ok(!isPageName(name), name);
});
