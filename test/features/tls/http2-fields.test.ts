import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { Http2Request } from '../../../src/features/tls/http2-request.js';
import { Http2Response } from '../../../src/features/tls/http2-response.js';
import { assertLinearIn } from '../../support/field-lists.js';

/** A stream of an HTTP/2 client that takes whatever is sent. */
function streamOf(): ConstructorParameters<typeof Http2Request>[0] {
  const session = { remoteSettings: { maxHeaderListSize: 2 ** 32 - 1 } };
  return Object.assign(new EventEmitter(), { endAfterHeaders: true, session, respond() {} }) as never;
}

const requestOf = (headers: object = {}, fields: readonly string[] = []) =>
  new Http2Request(streamOf(), {} as never, headers as never, fields);

it('a request over HTTP/2 has its fields in the form of HTTP/1.1', () => {
  for (const [headers, fields, raw] of [
    [
      { ':authority': 'a' },
      [':authority', 'a', ':path', '/', 'host', 'a', 'x', 'a'],
      ['host', 'a', 'x', 'a'],
    ],
    [{ ':authority': 'a' }, ['host', 'b', 'host', 'a'], ['host', 'a', 'host', 'b']],
    [{ host: 'b' }, ['host', 'b', 'x', 'b'], ['host', 'b', 'x', 'b']],
    [{ cookie: 'a=1; b=2' }, ['cookie', 'a=1', 'x', '1', 'cookie', 'b=2'], ['cookie', 'a=1; b=2', 'x', '1']],
  ] as const) {
    const request = requestOf(headers, fields);
    assert.deepEqual(request.rawHeaders, raw);
    assert.equal(request.headers.host, raw[0] === 'host' ? raw[1] : undefined);
    assert.ok(!Object.keys(request.headers).some(name => name.startsWith(':')));
  }
  const long = { accept: 'x'.repeat(4097), 'x-long': 'x'.repeat(4096) };
  assert.deepEqual(Object.keys(requestOf(long).headers), ['x-long'], 'what is joined is not kept');
  const withBody = (...fields: string[]) =>
    new Http2Request(Object.assign(streamOf(), { endAfterHeaders: false }), {} as never, {} as never, fields);
  assert.deepEqual(withBody('x', '1').rawHeaders, ['x', '1', 'transfer-encoding', 'chunked']);
  assert.deepEqual(withBody('content-length', '1').rawHeaders, ['content-length', '1']);
});

it('an answer over HTTP/2 has the head that its client takes, and the status alone if it is larger', () => {
  const sent: object[] = [];
  const session = { remoteSettings: { maxHeaderListSize: 300 } };
  const respond = (fields: object) => void sent.push({ ...fields });
  const answer = () =>
    new Http2Response(
      new Http2Request(Object.assign(streamOf(), { session, respond }), {} as never, {} as never, []),
    );
  assert.equal(answer().maxHead, 300);
  // Each field counts 32 more; :status and Date take 107.
  const fields = (length: number) => ['A', 'x'.repeat(length - 107 - 33)];
  for (const length of [300, 301]) {
    assert.equal(answer().takes(fields(length)), length === 300, `${length}`);
    answer().writeHead(200, fields(length));
  }
  answer().writeHead(201, [
    ...['Set-Cookie', 'a', 'set-cookie', 'b', 'Vary', 'a', 'vary', 'b', 'Connection', 'x', 'VARY', 'b'],
  ]);
  for (const code of [600, 999]) assert.throws(() => answer().writeHead(code, []), RangeError);
  assert.deepEqual(sent, [
    { a: fields(300)[1], ':status': 200 },
    { ':status': 200 },
    { 'set-cookie': ['a', 'b'], vary: 'a, b, b', ':status': 201 },
  ]);
});

describe('header fields over HTTP/2 take time in proportion to their number:', () => {
  it('of a request', () =>
    assertLinearIn(['Host', 'Cookie', 'Content-Length', 'X-Forwarded-For'], fields =>
      requestOf({ ':authority': 'a', cookie: 'a=1' }, [':path', '/', ...fields]),
    ));

  const names = ['Set-Cookie', 'Vary', 'Connection', 'Date', 'Content-Length'];
  it('of an answer', () =>
    assertLinearIn(names, fields => new Http2Response(requestOf()).writeHead(200, fields)));
});
