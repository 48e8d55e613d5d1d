import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isBearerToken } from '../../src/credentials/bearer-token.js';

describe('a bearer token', () => {
  it('may be any text of visible ASCII', () => {
    for (const text of ['t', 'eyJh.bGci.OiJ-_', 'abc123.0/+=~', '!"#$%&\'()*,:;<>?@[]^`{|}']) {
      assert.equal(isBearerToken(text), true, text);
    }
  });

  it('may not have characters that end the header or are not ASCII', () => {
    for (const text of ['', 'a b', 'a\n', '\na', 'a\r\nX: y', 'a\tb', 'a\0', 'a\x7f', 'ä', '\u2028']) {
      assert.equal(isBearerToken(text), false, JSON.stringify(text));
    }
  });
});
