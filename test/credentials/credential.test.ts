import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Credential,
  isBearerToken,
  isSameClientCertificate,
  isSameCredential,
} from '../../src/credentials/credential.js';

const create = (certificate: string, key: string, authorization?: string): Credential => ({
  clientCertificate: { certificate: Buffer.from(certificate), key: Buffer.from(key), notAfter: new Date(0) },
  ...(authorization === undefined ? {} : { authorization }),
});

it('two credentials are equal if the API server gets the same from both, in their token and in their client certificate', () => {
  assert.ok(isSameCredential({}, {}));
  assert.ok(isSameCredential(create('c', 'k', 'Bearer t'), create('c', 'k', 'Bearer t')));
  assert.ok(isSameCredential({ authorization: 'Bearer t' }, { authorization: 'Bearer t' }));
  const one = create('c', 'k', 'Bearer t');
  const others = [
    create('c', 'k', 'Bearer u'),
    create('c', 'k'),
    create('d', 'k', 'Bearer t'),
    create('c', 'l', 'Bearer t'),
    { authorization: 'Bearer t' },
  ];
  for (const other of others) {
    assert.equal(isSameCredential(one, other), false);
    assert.equal(isSameCredential(other, one), false);
  }
  assert.ok(isSameClientCertificate(create('c', 'k', 'Bearer t'), create('c', 'k')));
  assert.ok(isSameClientCertificate({ authorization: 'Bearer t' }, {}));
  assert.equal(isSameClientCertificate(create('c', 'k'), {}), false);
  assert.equal(isSameClientCertificate(create('c', 'k'), create('c', 'l')), false);
});

describe('a bearer token', () => {
  it('may be any text of visible ASCII, without characters that end the header', () => {
    for (const text of ['t', 'eyJh.bGci.OiJ-_', 'abc123.0/+=~', '!"#$%&\'()*,:;<>?@[]^`{|}']) {
      assert.equal(isBearerToken(text), true, text);
    }
    for (const text of ['', 'a b', 'a\n', '\na', 'a\r\nX: y', 'a\tb', 'a\0', 'a\x7f', 'ä', '\u2028']) {
      assert.equal(isBearerToken(text), false, JSON.stringify(text));
    }
  });
});
