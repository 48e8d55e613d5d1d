import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkTrailers, readHead } from '../../../src/transport/http2/heads.js';

const ok = [':status', '200'];
const malformed = { name: 'Http2Error', code: 'MALFORMED_HTTP2', wireCode: 1 };
const connectionSpecific = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
];
/** Names and values that would end a field of HTTP/1.1, or the head. */
const illegal: readonly (readonly [name: string, value: string])[] = [
  ['X', 'y'],
  ['xY', 'y'],
  ['', 'y'],
  ['a b', 'y'],
  ['a:', 'y'],
  ['a\r\n', 'y'],
  ['a\0', 'y'],
  ['\xe9', 'y'],
  [':path', '/'],
  [':status', '200'],
  ['x', 'a\r\nb: c'],
  ['x', 'a\nb'],
  ['x', 'a\rb'],
  ['x', 'a\0b'],
  ['x', '\x1b[31m'],
  ['x', '\x7f'],
  ['x', ' y'],
  ['x', 'y '],
  ['x', '\ty'],
  ['x', 'y\t'],
  ['x', ' '],
];

describe('the head of an answer', () => {
  it('has a status, and fields that are spelled as in Go', () => {
    const fields = ['content-type', 'a/b', 'x-a', '', 'x-a', 'two\twords \xff', 'etag', '1', '1x-y', ''];
    assert.deepEqual(readHead([...ok, ...fields]), {
      statusCode: 200,
      statusMessage: 'OK',
      headers: ['Content-Type', 'a/b', 'X-A', '', 'X-A', 'two\twords \xff', 'Etag', '1', '1x-Y', ''],
      contentLength: undefined,
    });
    assert.equal(readHead([':status', '599']).statusMessage, '');
  });

  it('begins with a status of three digits', () => {
    for (const fields of [
      [],
      ['x', 'y'],
      ['x', 'y', ...ok],
      [...ok, ...ok],
      ...['', '0', '20', '099', '2000', '200 ', ' 200', '200 OK', '2e2', '-20', '200\r\n', '200\n'].map(
        code => [':status', code],
      ),
    ]) {
      assert.throws(() => readHead(fields), malformed, JSON.stringify(fields));
    }
  });

  it('has no field that HTTP/1.1 would read as another one, as the end of its head, or as one of its connection', () => {
    for (const field of illegal) {
      assert.throws(() => readHead([...ok, ...field]), malformed, JSON.stringify(field));
      assert.throws(() => readHead([...ok, 'a', 'b', ...field, 'c', 'd']), malformed);
    }
    for (const name of connectionSpecific) assert.throws(() => readHead([...ok, name, 'x']), malformed);
  });

  it('has at most one length, in digits', () => {
    const lengthOf = (value: string) => readHead([...ok, 'content-length', value]).contentLength;
    assert.equal(lengthOf('0'), 0);
    assert.equal(lengthOf('0012'), 12);
    assert.equal(lengthOf('999999999999999'), 999_999_999_999_999);
    for (const value of ['', '-1', '+1', '1.0', '0x10', '1e3', '1,1', '1, 1', '9999999999999999', '1\xa0']) {
      assert.throws(() => lengthOf(value), malformed, value);
    }
    assert.throws(() => readHead([...ok, 'content-length', '1', 'content-length', '1']), malformed);
  });
});

it('trailers may be any fields but those of a head or of a connection', () => {
  checkTrailers(['x-checksum', '1', 'x-b', '']);
  checkTrailers([]);
  for (const name of [...connectionSpecific, 'content-length', ':status']) {
    assert.throws(() => checkTrailers([name, '1']), malformed, name);
  }
  for (const field of illegal) assert.throws(() => checkTrailers(field), malformed, JSON.stringify(field));
  // Only names count: this is a value.
  checkTrailers(['x', 'Content-Length']);
});

it('an answer, an informational one too, has at most 1,000 header fields and 1,000 trailers', () => {
  const fields = (count: number) => Array.from({ length: count }, () => ['x', 'y']).flat();
  const tooMany = { name: 'Http2Error', code: 'TOO_MANY_RESPONSE_HEADERS', wireCode: 11 };
  for (const read of [
    (count: number) => readHead([...ok, ...fields(count)]).headers,
    (count: number) => readHead([':status', '103', ...fields(count)]).headers,
  ]) {
    assert.equal(read(1_000).length, 2_000);
    assert.throws(() => read(1_001), tooMany);
  }
  checkTrailers(fields(1_000));
  assert.throws(() => checkTrailers(fields(1_001)), tooMany);
});
