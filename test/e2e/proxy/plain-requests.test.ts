import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connectRaw, exchangeRaw } from '../../support/clients/raw-http.js';
import { ok, startStrictStack, type UpstreamRequest } from '../../support/upstreams/strict-upstream.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const { upstream, proxy } = await startStrictStack(
  { after },
  (_request, socket) => void socket.write(ok('ok')),
  { scheme: 'https' },
);

const last = (): UpstreamRequest => upstream.requests.at(-1) ?? assert.fail('no request arrived');

/** Sends a request as written, with Host and Connection: close added, and returns the request that the API server got. */
async function forward(
  requestLine: string,
  headers: readonly string[] = [],
  body: string | Buffer = '',
): Promise<UpstreamRequest> {
  const seen = upstream.requests.length;
  const lines = [requestLine, `Host: 127.0.0.1:${proxy.port}`, ...headers, 'Connection: close'];
  const connection = await connectRaw(proxy.port);
  connection.write(
    Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]),
  );
  const [answer] = await connection.until(/^HTTP\/1\.1 \d+[\s\S]*?\r\n\r\n/);
  connection.destroy();
  assert.match(answer, /^HTTP\/1\.1 200 /, `${requestLine} was not let through`);
  assert.equal(upstream.requests.length, seen + 1);
  return last();
}

// test/request/request-target.test.ts has all targets, and test/proxy/headers.test.ts all fields.
test('a request arrives byte for byte, whatever its method, its target and its body are', async () => {
  for (const [line, type, body] of [
    ['GET /api/v1/pods?a&b=&=&&c==d&q=sum({a="b"}|^`)&continue=https://example.com/a//b/../c', '', ''],
    [
      "PROPFIND /api/v1/namespaces/default/services/https:web:8443/proxy/a%2fb%2Fc//d/%C3%A9%25-._~!$&'()*+,=:@",
      'text/xml',
      '<propfind/>',
    ],
    ['POST /api/v1/x', 'application/vnd.kubernetes.protobuf', everyByte],
    ['PUT /api/v1/x', 'application/json', '{"n":9007199254740993,"__proto__":{"a":1}'],
    ['PATCH /api/v1/x', 'no type at all;;=', 'x'.repeat(2 << 20)],
    ['DELETE /api/v1/x', 'application/json', '{"propagationPolicy":"Foreground"}'],
  ] as const) {
    const bytes = Buffer.from(body);
    const fields = bytes.length === 0 ? [] : [`Content-Type: ${type}`, `Content-Length: ${bytes.length}`];
    const request = await forward(`${line} HTTP/1.1`, fields, bytes);
    assert.equal(request.head.split('\r\n')[0], `${line} HTTP/1.1`);
    assert.deepEqual(request.values('content-type'), fields.length === 0 ? [] : [type], line);
    assert.deepEqual(request.values('content-length'), fields.length === 0 ? [] : [String(bytes.length)]);
    assert.deepEqual(request.values('transfer-encoding'), [], line);
    assert.ok(Buffer.from(request.body, 'latin1').equals(bytes), line);
  }
});

test('a chunked body arrives as chunks that hold the same bytes', async () => {
  const request = await forward(
    'POST /api/v1/x HTTP/1.1',
    ['Content-Type: text/plain', 'Transfer-Encoding: chunked'],
    '5\r\nhello\r\n1;name=value\r\n,\r\n00A\r\n wide worl\r\n1\r\nd\r\n0\r\n\r\n',
  );
  assert.deepEqual(request.values('transfer-encoding'), ['chunked']);
  assert.deepEqual(request.values('content-length'), []);
  assert.equal(request.body, 'hello, wide world');
});

test('a client with Expect: 100-continue gets a 100 before its body, and the answer after it', async () => {
  const connection = await connectRaw(proxy.port);
  connection.write(
    'POST /continue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
  );
  await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  connection.write('body');
  const answer = await connection.untilClosed();
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  assert.equal(last().body, 'body');
});

test('a client of HTTP/1.0 gets an answer without chunks that ends with the connection', async () => {
  const request = 'POST /old HTTP/1.0\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc';
  const answer = await exchangeRaw(proxy.port, request);
  assert.match(answer, /^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  assert.doesNotMatch(answer, /transfer-encoding/i);
  assert.equal(last().head.split('\r\n')[0], 'POST /old HTTP/1.1');
  assert.equal(last().body, 'abc');
});
