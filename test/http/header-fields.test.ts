import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connectionSpecific,
  fieldListSize,
  fieldValue,
  hasField,
  noSniff,
  ownAnswerFields,
  removeFields,
  sameOriginOnly,
} from '../../src/http/header-fields.js';
import { isHttp2, overHttp2 } from '../../src/http/http2-answer.js';

const headers = ['Host', 'a', 'X-A', '1', 'x-a', '2', 'X-Ab', '3', 'X-A ', '4', 'a', 'X-A', 'X-Empty', ''];

describe('a list of header fields', () => {
  it('has the value of each name in any case, all its lines as one list', () => {
    for (const [key, value] of [
      ['host', 'a'],
      ['x-a', '1, 2'],
      ['x-empty', ''],
      ['x', undefined],
      ['x-abc', undefined],
      ['1', undefined],
    ] as const) {
      assert.equal(fieldValue(headers, key), value, key);
      assert.equal(hasField(headers, key), value !== undefined, key);
    }
  });

  it('loses all fields of a name, and keeps the others in their order', () => {
    for (const [key, kept] of [
      ['x-a', ['Host', 'a', 'X-Ab', '3', 'X-A ', '4', 'a', 'X-A', 'X-Empty', '']],
      ['x-empty', headers.slice(0, -2)],
      ['other', headers],
    ] as const) {
      const list = [...headers];
      removeFields(list, key);
      assert.deepEqual(list, kept);
    }
  });

  it('has the size that HTTP/2 counts: names, values, and 32 octets for each', () => {
    assert.equal(fieldListSize([]), 0);
    assert.equal(fieldListSize(['ab', 'cde', 'f', '']), 6 + 64);
  });
});

it('the fields of a protocol are about one connection of HTTP/1.1, or say what browsers may do with an answer, and make no request one of HTTP/2', () => {
  assert.deepEqual(
    [...connectionSpecific],
    ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
  );
  assert.deepEqual(noSniff, ['X-Content-Type-Options', 'nosniff']);
  assert.deepEqual(sameOriginOnly, ['Cross-Origin-Resource-Policy', 'same-origin']);
  assert.deepEqual(ownAnswerFields, [...noSniff, ...sameOriginOnly]);
  assert.equal(isHttp2({ httpVersion: '2.0', 'over HTTP/2': true }), false);
  assert.equal(isHttp2({ [overHttp2]: undefined }), true);
  assert.equal(overHttp2.description, 'over HTTP/2');
});
