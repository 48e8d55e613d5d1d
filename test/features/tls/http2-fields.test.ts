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
const pairs = (fields: readonly string[]) =>
  fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? ''] as const] : []));

it('a request over HTTP/2 has its fields in the form of HTTP/1.1', () => {
  for (const [headers, fields, raw] of [
    [
      { ':authority': 'a' },
      [':authority', 'a', ':path', '/', 'host', 'a', 'x', '1'],
      ['host', 'a', 'x', '1'],
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
  const withBody = (...fields: string[]) =>
    new Http2Request(Object.assign(streamOf(), { endAfterHeaders: false }), {} as never, {} as never, fields);
  assert.deepEqual(withBody('x', '1').rawHeaders, ['x', '1', 'transfer-encoding', 'chunked']);
  assert.deepEqual(withBody('content-length', '1').rawHeaders, ['content-length', '1']);
});

describe('header fields over HTTP/2 take time in proportion to their number:', () => {
  it('of a request', () =>
    assertLinearIn(['Host', 'Cookie', 'Content-Length', 'X-Forwarded-For'], fields =>
      requestOf({ ':authority': 'a', cookie: 'a=1' }, [':path', '/', ...fields]),
    ));

  const names = ['Set-Cookie', 'Vary', 'Connection', 'Date', 'Content-Length'];
  it('of an answer', () =>
    assertLinearIn(names, fields => new Http2Response(requestOf()).writeHead(200, fields)));

  it('of trailers', () =>
    assertLinearIn(names, fields => new Http2Response(requestOf()).addTrailers(pairs(fields))));
});
