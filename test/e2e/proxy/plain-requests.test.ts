import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { connectRaw, exchangeRaw } from '../../support/clients/raw-http.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictStack, type UpstreamRequest } from '../../support/upstreams/strict-upstream.js';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const { upstream, proxy } = await startStrictStack({ after }, (_request, socket) => void socket.write(ok), {
  run: startInProcess,
  scheme: 'https',
});

const last = (): UpstreamRequest => {
  const request = upstream.requests.at(-1);
  assert.ok(request, 'no request reached the API server');
  return request;
};

/** Sends a head as written, with Host and Connection: close added, and returns the request that the API server got. */
async function forward(
  requestLine: string,
  headers: readonly string[] = [],
  body: string | Buffer = '',
): Promise<UpstreamRequest> {
  const seen = upstream.requests.length;
  const host = headers.some(header => /^host:/i.test(header)) ? [] : [`Host: 127.0.0.1:${proxy.port}`];
  const close = headers.some(header => /^connection:/i.test(header)) ? [] : ['Connection: close'];
  const head = `${[requestLine, ...host, ...headers, ...close].join('\r\n')}\r\n\r\n`;
  const connection = await connectRaw(proxy.port);
  connection.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]));
  const [answer] = await connection.until(/^HTTP\/1\.1 \d+[\s\S]*?\r\n\r\n/);
  connection.destroy();
  assert.match(answer, /^HTTP\/1\.1 200 /, `${requestLine} was not let through`);
  assert.equal(upstream.requests.length, seen + 1);
  return last();
}

const withLength = (type: string, body: string | Buffer) => [
  `Content-Type: ${type}`,
  `Content-Length: ${Buffer.from(body).length}`,
];

test('a request target arrives byte for byte', async () => {
  // test/request/request-target.test.ts has all of them.
  const targets = [
    '/api/v1/pods?a&b=&=&&c==d&a=1&a=2',
    '/api/v1/pods?q=sum({a="b"}|^`)&continue=https://example.com/a//b/../c',
    "/api/v1/namespaces/default/services/https:web:8443/proxy/a%2fb%2Fc//d/%C3%A9%25-._~!$&'()*+,=:@",
    `/api/v1/namespaces/default/pods?labelSelector=${'a%3Db,'.repeat(1365)}`,
  ];
  for (const target of targets) {
    const request = await forward(`GET ${target} HTTP/1.1`);
    assert.equal(request.head.split('\r\n')[0], `GET ${target} HTTP/1.1`);
  }
});

describe('the request body', () => {
  const bodies: readonly (readonly [what: string, method: string, type: string, body: string | Buffer])[] = [
    ['text/plain of 2 MiB', 'POST', 'text/plain', 'x'.repeat(2 << 20)],
    ['protobuf', 'POST', 'application/vnd.kubernetes.protobuf', everyByte],
    ['apply-patch+yaml', 'PATCH', 'application/apply-patch+yaml', 'kind: ConfigMap\nmetadata:\n  name: a\n'],
    ['invalid JSON', 'POST', 'application/json', '{"kind": "Pod", '],
    ['a JSON number beyond a double', 'PUT', 'application/json', '{"n":9007199254740993}'],
    ['an __proto__ key', 'POST', 'application/json', '{"__proto__":{"a":1}}'],
    ['an invalid Content-Type', 'POST', 'no type at all;;=', 'body'],
    ['an empty Content-Type', 'POST', '', 'body'],
    ['DELETE with DeleteOptions', 'DELETE', 'application/json', '{"propagationPolicy":"Foreground"}'],
    ['GET with a body', 'GET', 'application/json', '{"get":true}'],
    ['PROPFIND', 'PROPFIND', 'text/xml', '<propfind/>'],
  ];
  test('arrives byte for byte, whatever its type and its method are', async () => {
    for (const [what, method, type, body] of bodies) {
      const request = await forward(`${method} /api/v1/x HTTP/1.1`, withLength(type, body), body);
      assert.equal(request.method, method, what);
      assert.deepEqual(request.values('content-type'), [type], what);
      assert.deepEqual(request.values('content-length'), [String(Buffer.from(body).length)], what);
      assert.ok(Buffer.from(request.body, 'latin1').equals(Buffer.from(body)), what);
    }
  });

  test('a chunked body arrives as chunks that hold the same bytes', async () => {
    const chunks = '5\r\nhello\r\n1;name=value\r\n,\r\n00A\r\n wide worl\r\n1\r\nd\r\n0\r\n\r\n';
    const request = await forward(
      'POST /api/v1/x HTTP/1.1',
      ['Content-Type: text/plain', 'Transfer-Encoding: chunked'],
      chunks,
    );
    assert.deepEqual(request.values('transfer-encoding'), ['chunked']);
    assert.deepEqual(request.values('content-length'), []);
    assert.equal(request.body, 'hello, wide world');
  });

  test('a POST without a body has Content-Length: 0, and a GET has no framing', async () => {
    const post = await forward('POST /api/v1/x HTTP/1.1', ['Content-Length: 0']);
    assert.deepEqual(post.values('content-length'), ['0']);
    const get = await forward('GET /api/v1/x HTTP/1.1');
    assert.deepEqual([...get.values('content-length'), ...get.values('transfer-encoding')], []);
  });
});

test('a method arrives unchanged', async () => {
  const methods =
    'GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND PROPPATCH REPORT SEARCH MKCOL COPY MOVE LOCK PURGE';
  for (const method of [...methods.split(' '), ...(http.METHODS.includes('QUERY') ? ['QUERY'] : [])]) {
    const line = `${method} /api/v1/namespaces/default/pods/web/proxy/dav HTTP/1.1`;
    assert.equal((await forward(line)).head.split('\r\n')[0], line);
  }
});

test('request headers arrive with their case, order and repetitions', async () => {
  const sent = [
    'aCCept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json',
    'X-Repeated: one',
    'user-AGENT: kubectl/v1.32 (linux)',
    'X-Repeated: two, three',
    'x-repeated: one',
    'X-Empty:',
    'Cookie: a=1',
    'Cookie: b=2',
    'IF-None-Match: "etag"',
    'Accept-Encoding: gzip;q=0.5, br',
    'X-Latin: caf\u00e9',
  ];
  const request = await forward('GET /headers HTTP/1.1', sent);
  const lines = request.head.split('\r\n').slice(1, -2);
  const arrived = lines.filter(line => !/^(host|x-forwarded-[a-z]+|x-request-id|connection):/i.test(line));
  assert.deepEqual(
    arrived.map(line => line.trimEnd()),
    sent,
  );
  assert.deepEqual(request.values('host'), [`127.0.0.1:${upstream.port}`]);
});

describe('a client connection', () => {
  test('has one request in flight, however many are pipelined, and its answers come in order', async t => {
    const answer = ({ socket, target, body }: UpstreamRequest) => {
      const text = `${target} ${body}`;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    };
    const { upstream: slow, proxy: own } = await startStrictStack(
      t,
      request => request.target !== '/first' && answer(request),
      { run: startInProcess },
    );
    const connection = await connectRaw(own.port);
    t.after(() => connection.destroy());
    const count = 1000;
    connection.write(
      'PUT /first HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n' +
        'POST /next HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody'.repeat(count) +
        'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    const first = await slow.waitForRequest(({ target }) => target === '/first');
    // Another connection is not delayed, and its answer comes after any wrongly started request.
    assert.equal((await send(own.port, '/other')).text, '/other ');
    assert.deepEqual(
      slow.requests.map(({ target }) => target),
      ['/first', '/other'],
    );
    answer(first);
    const bodies = (await connection.untilClosed()).split(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/).slice(1);
    assert.deepEqual(bodies, ['/first ', ...new Array(count).fill('/next body'), '/last ']);
    assert.equal(new Set(slow.requests.map(({ socket }) => socket)).size, 2);
  });

  test('with Expect: 100-continue gets a 100 before its body, and the answer after it', async () => {
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

  test('of HTTP/1.0 gets an answer without chunks that ends with the connection', async () => {
    const request = 'POST /old HTTP/1.0\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc';
    const answer = await exchangeRaw(proxy.port, request);
    assert.match(answer, /^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nok$/);
    assert.doesNotMatch(answer, /transfer-encoding/i);
    assert.equal(last().head.split('\r\n')[0], 'POST /old HTTP/1.1');
    assert.equal(last().body, 'abc');
  });
});
