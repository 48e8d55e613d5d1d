import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCorsHeaders } from '../../src/guard/cors.js';
import { isSerializedOrigin, originList, pageOrigin } from '../../src/guard/origin-list.js';
import { parsedValue } from '../support/option-value.js';
import { headOf } from './judged-request.js';

const headersFor = createCorsHeaders(parsedValue(originList, '^https://app\\.example$,^http://localhost:'));
const fieldsFor = (headers: Readonly<Record<string, string>>, line = 'GET /version') =>
  headersFor(headOf(line, headers));
const sameOrigin = ['Cross-Origin-Resource-Policy', 'same-origin'];
const crossOrigin = ['Cross-Origin-Resource-Policy', 'cross-origin'];

describe('the CORS policy', () => {
  it('sends an allowed origin the fields that the API server sends, and tells caches that answers differ by origin', () => {
    for (const origin of ['https://app.example', 'http://localhost:3000']) {
      const headers = fieldsFor({ origin });
      assert.deepEqual(headers, [
        ...['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true'],
        ...['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE, PATCH'],
        'Access-Control-Allow-Headers',
        'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
        ...['Access-Control-Expose-Headers', 'Date', ...crossOrigin, 'Vary', 'Origin'],
      ]);
      assert.equal(fieldsFor({ origin }), headers);
      assert.equal(fieldsFor({ origin, referer: 'https://evil.example/' }, 'POST /version'), headers);
    }
  });

  it('lets an allowed page embed an answer to a GET that names it by its Referer alone', () => {
    for (const referer of ['https://app.example/', 'http://localhost:3000/a?b=c']) {
      const fields = [...crossOrigin, 'Vary', 'Origin, Referer'];
      assert.deepEqual(fieldsFor({ referer }), fields);
      for (const line of ['HEAD /version', 'POST /version'])
        assert.deepEqual(fieldsFor({ referer }, line), [...sameOrigin, 'Vary', 'Origin, Sec-Fetch-Site']);
    }
  });

  it('lets other origins embed nothing, and says that answers differ', () => {
    const fields = [...sameOrigin, 'Vary', 'Origin, Sec-Fetch-Site'];
    for (const origin of ['https://evil.example', 'null', '', 'https://app.example.evil']) {
      assert.deepEqual(fieldsFor({ origin }), fields);
      assert.deepEqual(fieldsFor({ origin, referer: 'https://app.example/' }), fields);
      assert.deepEqual(fieldsFor({ referer: `${origin}/` }), fields);
    }
    assert.deepEqual(fieldsFor({}), fields);
  });
});

describe('the origin of a page', () => {
  const of = (headers: Readonly<Record<string, string>>, line = 'GET /version') =>
    pageOrigin(headOf(line, headers));
  const referer = 'https://app.example/';

  it('is its Origin, or for a GET without one that of its Referer, never what the page can write into its own URL', () => {
    assert.equal(of({ origin: 'a', Origin: 'b', referer }), 'a, b');
    for (const [written, origin] of [
      ['https://app.example', 'https://app.example'],
      ['https://app.example:8443/d/1?a=b://c', 'https://app.example:8443'],
      ['https://app.example?https://evil.example/', 'https://app.example'],
      ['http://[::1]:3000/', 'http://[::1]:3000'],
      // A comma is a valid character of a path.
      ['https://app.example/,https://evil.example/', 'https://app.example'],
      // Not as browsers write it: the list compares it as it is.
      ['HTTPS://APP.example:443/', 'HTTPS://APP.example:443'],
      ['https://evil.example/https://app.example/', 'https://evil.example'],
      ['https://app.example.evil.example/', 'https://app.example.evil.example'],
      ...[
        ...['https://app.example@evil.example/', 'https://app.example:x@evil.example/'],
        ...['https://u@app.example/', 'https://app.example\\@evil.example/'],
        ...['https://app.example\\.evil.example/', 'https://app.example, https://evil.example/'],
        'https://app.example/, https://evil.example/',
        ...['https://evil.example/, https://app.example/', 'https://app.example evil.example/'],
        ...['https:app.example/', 'https:/app.example/', '//app.example/', 'app.example/'],
        ...['about:blank', 'null', ''],
      ].map(text => [text, undefined] as const),
    ] as const) {
      const found = of({ referer: written });
      const asked = found !== undefined && isSerializedOrigin(found) ? found : undefined;
      assert.equal(asked, origin, written);
    }
  });

  it('is unknown for a write, a HEAD and an upgrade without an Origin', () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'get'])
      assert.equal(of({ referer }, `${method} /version`), undefined, method);
    assert.equal(of({ referer, upgrade: 'websocket' }), undefined);
    assert.equal(of({}), undefined);
  });
});
