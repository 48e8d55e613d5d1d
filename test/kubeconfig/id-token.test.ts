import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readIdToken } from '../../src/kubeconfig/id-token.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';

const withClaims = (claims: string): string => `e30.${Buffer.from(claims).toString('base64url')}.c2ln`;

describe('an id-token', () => {
  it('expires at the time of its exp, which may be a fraction, and has no known expiry if that is not a time', () => {
    const expires = new Date(Date.UTC(2030, 0, 1));
    assert.deepEqual(readIdToken(createIdToken(expires)), { expires });
    assert.deepEqual(readIdToken(withClaims('{"exp":1.5}')), { expires: new Date(1500) });
    for (const claims of ['{}', '{"exp":"soon"}', '{"exp":1e300}']) {
      assert.deepEqual(readIdToken(withClaims(claims)), { expires: undefined }, claims);
    }
  });

  it('is not read from a text that is not a JSON Web Token or would break a header', () => {
    const token = createIdToken(new Date());
    const [header, payload, signature] = token.split('.');
    for (const text of [
      ...['', 'opaque', 'a.b.c', `${token}\n`, `${token}.x`],
      withClaims('[]'),
      withClaims('x'),
      withClaims('null'),
      `e30.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.c2ln`,
      `${header}\r\nX: y.${payload}.${signature}`,
    ]) {
      assert.equal(readIdToken(text), undefined, text);
    }
  });
});
