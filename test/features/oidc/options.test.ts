import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseOptions } from '../../../src/options/parse.js';

function problems(...argv: string[]): readonly string[] {
  return parseOptions({ argv, env: {} }).problems;
}

const issuer = ['--oidc-issuer-url=https://login.example', '--oidc-client-id=gateway'];

it('--sign-in-scopes needs an issuer, which may stand in a file', () => {
  assert.deepEqual(problems('--sign-in-scopes=openid', ...issuer), []);
  assert.deepEqual(problems('--sign-in-scopes=openid', '--authentication-config=issuers.yaml'), []);
  assert.deepEqual(problems('--sign-in-scopes=openid'), [
    '--sign-in-scopes needs an OpenID Connect issuer: --oidc-issuer-url or --authentication-config',
  ]);
});
