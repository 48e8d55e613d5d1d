import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pageOrigin } from '../../src/guard/cors.js';
import { isSerializedOrigin } from '../../src/guard/origin-list.js';
import { headOf } from './judged-request.js';

const of = (headers: Readonly<Record<string, string>>, line = 'GET /version') =>
  pageOrigin(headOf(line, headers));

/** What the list of allowed origins is asked about; undefined for a text that it never accepts. */
function judged(referer: string): string | undefined {
  const origin = of({ referer });
  return origin !== undefined && isSerializedOrigin(origin) ? origin : undefined;
}

describe('the origin of a page', () => {
  it('is its Origin, whatever its Referer says', () => {
    const referer = 'https://app.example/';
    for (const origin of ['https://evil.example', 'null', '']) {
      for (const line of ['GET /version', 'POST /version'])
        assert.equal(of({ origin, referer }, line), origin);
    }
    assert.equal(of({ origin: 'a', Origin: 'b', referer }), 'a, b');
  });

  it('is that of its Referer for a GET without an Origin', () => {
    for (const [referer, origin] of [
      ['https://app.example', 'https://app.example'],
      ['https://app.example/', 'https://app.example'],
      ['https://app.example:8443/d/1?a=b://c', 'https://app.example:8443'],
      ['https://app.example?https://evil.example/', 'https://app.example'],
      ['http://[::1]:3000/', 'http://[::1]:3000'],
      // A comma is a valid character of a path.
      ['https://app.example/,https://evil.example/', 'https://app.example'],
      // Not as browsers write it: the list compares it as it is.
      ['HTTPS://APP.example:443/', 'HTTPS://APP.example:443'],
    ] as const) {
      assert.equal(judged(referer), origin, referer);
    }
  });

  it('is never a part of what a page can write into its own URL', () => {
    for (const referer of [
      ...['https://app.example@evil.example/', 'https://app.example:x@evil.example/'],
      ...['https://u@app.example/', 'https://app.example\\@evil.example/'],
      ...['https://app.example\\.evil.example/', 'https://app.example, https://evil.example/'],
      'https://app.example/, https://evil.example/',
      ...['https://evil.example/, https://app.example/', 'https://app.example evil.example/'],
      ...['https:app.example/', 'https:/app.example/', '//app.example/', 'app.example/'],
      ...['about:blank', 'null', ''],
    ]) {
      assert.equal(judged(referer), undefined, referer);
    }
    assert.equal(judged('https://evil.example/https://app.example/'), 'https://evil.example');
    assert.equal(judged('https://app.example.evil.example/'), 'https://app.example.evil.example');
  });

  it('is unknown for a write, a HEAD and an upgrade without an Origin', () => {
    const referer = 'https://app.example/';
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'get'])
      assert.equal(of({ referer }, `${method} /version`), undefined, method);
    assert.equal(of({ referer, upgrade: 'websocket' }), undefined);
    assert.equal(of({}), undefined);
  });
});
