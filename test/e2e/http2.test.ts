import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { ask, connectHttp2, headOf, openStream } from '../support/http2-client.js';
import { connectFrames, frame, frameTypes, get } from '../support/http2-frames.js';
import { residentBytes } from '../support/resident-memory.js';
import { startTlsProxy, type TlsProxy } from '../support/tls-proxy.js';

const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;

let folder: string;
let proxied: TlsProxy;
let session: ClientHttp2Session;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'www-'));
  await writeFile(join(folder, 'page.txt'), 'a static page');
  proxied = await startTlsProxy([`--www=${folder}`]);
  session = await connectHttp2(proxied.proxy.port, proxied.ca);
});

after(async () => {
  session.destroy();
  await proxied.close();
  await rm(folder, { recursive: true });
});

async function start(t: TestContext, args: readonly string[] = []): Promise<TlsProxy> {
  const own = await startTlsProxy(args);
  t.after(() => own.close());
  return own;
}

async function connect(t: TestContext, { proxy, ca }: TlsProxy = proxied): Promise<ClientHttp2Session> {
  const own = await connectHttp2(proxy.port, ca);
  t.after(() => own.destroy());
  return own;
}

async function until(what: string, look: () => boolean, timeout = 10_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!look()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`);
    await delay(20);
  }
}

/** Waits for the end of a stream and gives what it had as text. */
async function rest(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8').on('data', chunk => {
    text += chunk;
  });
  await new Promise<void>(resolve => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
  return text;
}

test('ALPN chooses HTTP/2 or HTTP/1.1 on one port, and HTTP/1.1 without ALPN', async () => {
  const offers: [string[] | undefined, string | false][] = [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ];
  for (const [ALPNProtocols, chosen] of offers) {
    const socket = tls.connect({
      port: proxied.proxy.port,
      ca: proxied.ca,
      ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
    });
    await once(socket, 'secureConnect');
    assert.equal(socket.alpnProtocol, chosen);
    socket.destroy();
  }
});

test('requests to the API server are answered as over HTTP/1.1, many at once on one connection', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(session, '/api/v1/pods')));
  for (const { status, json } of answers) {
    assert.equal(status, 200);
    assert.equal((json as { kind: string }).kind, 'PodList');
  }
});

test('objects are created, patched and deleted over HTTP/2', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'h2' } });
  const json = { 'content-type': 'application/json' };
  const created = await ask(session, path, { headers: { ':method': 'POST', ...json }, body });
  assert.equal(created.status, 201, created.text);
  const patched = await ask(session, `${path}/h2`, {
    headers: { ':method': 'PATCH', 'content-type': 'application/merge-patch+json' },
    body: '{"data":{"a":"b"}}',
  });
  assert.equal(patched.status, 200, patched.text);
  const deleted = await ask(session, `${path}/h2`, { headers: { ':method': 'DELETE' } });
  assert.equal(deleted.status, 200, deleted.text);
});

test('what the API server refuses passes untouched', async () => {
  const { status, json } = await ask(session, '/api/v1/namespaces/default/pods/nowhere');
  assert.equal(status, 404);
  assert.equal((json as { reason: string }).reason, 'NotFound');
  proxied.server.intercept((request, response) => {
    if (request.url !== '/unauthorized') return false;
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"kind":"Status","code":401}');
    return true;
  });
  const unauthorized = await ask(session, '/unauthorized', { headers: { authorization: 'Bearer wrong' } });
  assert.deepEqual([unauthorized.status, unauthorized.text], [401, '{"kind":"Status","code":401}']);
});

test('static files, the own endpoints and HEAD are served', async () => {
  assert.equal((await ask(session, '/static/page.txt')).text, 'a static page');
  assert.equal((await ask(session, '/static/nothing')).status, 404);
  assert.equal((await ask(session, '/-/livez')).text, 'ok');
  assert.match((await ask(session, '/-/metrics')).text, /kube_api_proxy_build_info/);
  for (const path of ['/version', '/static/page.txt']) {
    const { status, headers, text } = await ask(session, path, { headers: { ':method': 'HEAD' } });
    assert.equal(status, 200);
    assert.ok(Number(headers['content-length']) > 0);
    assert.equal(text, '');
  }
});

// Guards

test('the host guard judges :authority', async () => {
  for (const authority of ['evil.example', 'evil.example:443', 'localhost.evil.example']) {
    const { status, text } = await ask(session, '/version', { headers: { ':authority': authority } });
    assert.ok(status === 403 || status === 400, `${authority}: ${status}`);
    assert.match(text, /"kind":"Status"/);
  }
  for (const authority of ['localhost', 'LOCALHOST:1', '127.0.0.1:8001', '[::1]:8001']) {
    const { status } = await ask(session, '/version', { headers: { ':authority': authority } });
    assert.equal(status, 200, authority);
  }
});

test('a Host header that differs from :authority is refused, either way round', async () => {
  const pairs = [
    ['localhost', 'evil.example'],
    ['evil.example', 'localhost'],
    ['localhost', 'LOCALHOST'],
  ];
  for (const [authority, host] of pairs) {
    const { status, text } = await ask(session, '/version', { headers: { ':authority': authority, host } });
    assert.equal(status, 400);
    assert.match(text, /:authority and Host that differ/);
  }
  const same = await ask(session, '/version', { headers: { ':authority': 'localhost', host: 'localhost' } });
  assert.equal(same.status, 200);
});

test('a Host header alone is judged like :authority', async () => {
  const raw = (host: string) => {
    const stream = session.request({ ':path': '/version', ':authority': undefined, host });
    stream.on('error', () => {});
    return headOf(stream);
  };
  assert.equal((await raw('evil.example'))[':status'], 403);
  assert.equal((await raw('localhost'))[':status'], 200);
});

test('the filter and the path rules hold as over HTTP/1.1', async () => {
  const refused = [
    '/api/v1/namespaces/default/pods/web-0/exec?command=ls',
    '/api/v1/namespaces/default/pods/web-0/%65xec',
  ];
  for (const path of refused) assert.equal((await ask(session, path)).status, 403, path);
  const ambiguous = ['/api/../version', '/api/%2e%2e/version', '/api\\v1', '/api%zz', '*'];
  for (const path of ambiguous) {
    const { status, text } = await ask(session, path, { headers: { ':method': 'OPTIONS' } });
    assert.equal(status, 400, `${path}: ${text}`);
  }
});

test('a method that HTTP/1.1 could not bring is refused with a Status, counted, and goes nowhere', async t => {
  const own = await start(t);
  const client = await connect(t, own);
  for (const method of ['FOO', 'get']) {
    for (const path of ['/api/v1/namespaces/default/secrets', '/-/metrics']) {
      const stream = openStream(client, path, { ':method': method });
      assert.equal((await headOf(stream))[':status'], 400, method);
      const { kind, message } = JSON.parse(await rest(stream)) as { kind: string; message: string };
      assert.equal(kind, 'Status');
      assert.match(message, /a method that is not served/);
    }
  }
  assert.ok(own.server.requests.every(({ rawUrl }) => !rawUrl.includes('secrets')));
  const { text } = await ask(client, '/-/metrics');
  assert.match(text, /^kube_api_proxy_rejected_requests_total\{reason="bad_request"\} 4$/m);
});

test('CONNECT is refused, and extended CONNECT is off', async t => {
  const own = await connect(t);
  const plain = own.request({ ':method': 'CONNECT', ':authority': 'localhost:80' });
  plain.on('error', () => {});
  assert.equal((await headOf(plain))[':status'], 400);
  assert.ok(!own.remoteSettings.enableConnectProtocol);
});

// Headers

test('the API server gets the headers of a request without what belongs to HTTP/2 or to the connection', async () => {
  const sent = proxied.server.requests.length;
  await ask(session, '/version?headers', {
    headers: {
      te: 'trailers',
      'x-mine': ['a', 'b'],
      cookie: ['a=1', 'b=2'],
      'proxy-authorization': 'Basic x',
    },
  });
  const record = proxied.server.requests.slice(sent).find(({ rawUrl }) => rawUrl === '/version?headers');
  assert.ok(record);
  const { headers } = record;
  assert.equal(headers['cookie'], 'a=1; b=2');
  assert.equal(headers['x-mine'], 'a, b');
  assert.equal(headers['host'], new URL(proxied.server.url).host);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  for (const name of ['te', 'proxy-authorization', 'transfer-encoding', 'http2-settings']) {
    assert.equal(headers[name], undefined, name);
  }
  assert.deepEqual(
    Object.keys(headers).filter(name => name.startsWith(':')),
    [],
  );
});

test('the client gets the headers of an answer without what belongs to its connection, repeated ones all', async () => {
  proxied.server.intercept((request, response) => {
    if (request.url !== '/fields') return false;
    response.writeHead(200, 'Fine', [
      ...['Connection', 'keep-alive, X-Secret', 'Keep-Alive', 'timeout=5', 'X-Secret', 'hidden'],
      ...['Warning', '299 - "one"', 'Warning', '299 - "two"', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
      ...['X-Content-Type-Options', 'nosniff', 'X-Content-Type-Options', 'nosniff', 'X-Mixed-Case', 'kept'],
      ...['Content-Language', 'de', 'Content-Language', 'en', 'Content-Length', '2'],
    ]);
    response.end('ok');
    return true;
  });
  const { status, headers, text, rstCode } = await ask(session, '/fields');
  assert.deepEqual([status, text, rstCode], [200, 'ok', 0]);
  for (const name of ['connection', 'keep-alive', 'x-secret', 'transfer-encoding']) {
    assert.equal(headers[name], undefined, name);
  }
  assert.equal(headers['warning'], '299 - "one", 299 - "two"');
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['content-language'], 'de, en');
  assert.equal(headers['x-mixed-case'], 'kept');
});

test('trailers of an answer arrive', async () => {
  proxied.server.intercept((request, response) => {
    if (request.url !== '/trailers') return false;
    response.writeHead(200, { Trailer: 'X-Checksum' });
    response.write('body');
    response.addTrailers({ 'X-Checksum': 'abc' });
    response.end();
    return true;
  });
  const { text, trailers, headers } = await ask(session, '/trailers');
  assert.equal(text, 'body');
  assert.equal(headers['trailer'], 'X-Checksum');
  assert.equal(trailers['x-checksum'], 'abc');
});

// Streams

test('a quiet watch has its headers at once, and cancelling it ends it upstream and nothing else', async t => {
  const own = await connect(t);
  const sent = proxied.server.requests.length;
  const [one, other] = [openStream(own, quietWatch), openStream(own, quietWatch)];
  assert.equal((await headOf(one))[':status'], 200);
  if (other.sentHeaders !== undefined && !other.readableEnded) await until('the other', () => true);
  await until('both upstream', () => proxied.server.requests.slice(sent).length === 2);
  const [first, second] = proxied.server.requests.slice(sent);
  one.close(NGHTTP2_CANCEL);
  await Promise.race([first?.closed, second?.closed]);
  await delay(200);
  const open = proxied.server.requests.slice(sent).filter(({ closedAt }) => closedAt === undefined);
  assert.equal(open.length, 1);
  assert.equal(other.closed, false);
  assert.equal((await ask(own, '/version')).status, 200);
});

test('a followed log arrives as it is written', async t => {
  const own = await connect(t);
  const stream = openStream(own, '/api/v1/namespaces/default/pods/web-0/log?follow=true');
  assert.equal((await headOf(stream))[':status'], 200);
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  assert.ok(chunk.length > 0);
  stream.close(NGHTTP2_CANCEL);
});

/** Answers every POST to a path with what arrived of it: how many bytes, and whether they were all. */
function receiveUploads(path: string): {
  received: { bytes: number; whole: boolean; lengthKnown: boolean }[];
} {
  const uploads: { bytes: number; whole: boolean; lengthKnown: boolean }[] = [];
  proxied.server.intercept((request, response) => {
    if (request.url !== path) return false;
    let bytes = 0;
    const note = () =>
      uploads.push({
        bytes,
        whole: request.complete,
        lengthKnown: request.headers['content-length'] !== undefined,
      });
    request.on('data', chunk => {
      bytes += chunk.length;
    });
    request.once('end', () => response.end('got it'));
    request.once('close', note).once('error', () => {});
    return true;
  });
  return { received: uploads };
}

test('an upload arrives whole, with and without a Content-Length', async () => {
  const { received } = receiveUploads('/upload');
  const body = Buffer.alloc(3_000_000, 'x');
  for (const headers of [{ 'content-length': body.length }, {}]) {
    const { status, text } = await ask(session, '/upload', {
      headers: { ':method': 'POST', ...headers },
      body,
    });
    assert.deepEqual([status, text], [200, 'got it']);
  }
  await until('both', () => received.length === 2);
  assert.deepEqual(received, [
    { bytes: body.length, whole: true, lengthKnown: true },
    { bytes: body.length, whole: true, lengthKnown: false },
  ]);
});

for (const [name, code] of Object.entries({ NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR })) {
  test(`an upload that its client resets with ${name} never passes for a whole one`, async () => {
    const path = `/broken-upload-${code}`;
    const { received } = receiveUploads(path);
    const connection = await connectFrames(proxied.proxy.port, proxied.ca);
    connection.head(1, [[':method', 'POST'], ...get(path).slice(1)], false);
    connection.send(frame(frameTypes.data, 0, 1, Buffer.alloc(10_000, 'x')));
    await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === path);
    await delay(100);
    connection.send(frame(frameTypes.rstStream, 0, 1, Buffer.from([0, 0, 0, code])));
    await until('the end of the upload', () => received.length === 1);
    assert.deepEqual(received, [{ bytes: 10_000, whole: false, lengthKnown: false }]);
    connection.socket.destroy();
  });
}

test('Expect: 100-continue is answered before the body comes', async () => {
  receiveUploads('/expecting');
  const stream = openStream(session, '/expecting', { ':method': 'POST', expect: '100-continue' }, false);
  await once(stream, 'continue');
  stream.end('body');
  assert.equal((await headOf(stream))[':status'], 200);
  const odd = await ask(session, '/expecting', { headers: { expect: 'the-unexpected' } });
  assert.equal(odd.status, 417);
});

test('an answer that breaks off upstream resets its stream and leaves the others alone', async t => {
  const own = await connect(t);
  proxied.server.intercept((request, response) => {
    if (request.url !== '/breaks-off') return false;
    response.write('half of it');
    setTimeout(() => response.socket?.destroy(), 200);
    return true;
  });
  const watch = openStream(own, quietWatch);
  await headOf(watch);
  const broken = await ask(own, '/breaks-off');
  assert.deepEqual([broken.status, broken.text], [200, 'half of it']);
  assert.equal(broken.rstCode, NGHTTP2_INTERNAL_ERROR);
  assert.equal(watch.closed, false);
  assert.equal((await ask(own, '/version')).status, 200);
});

test('a refused request with a body that never ends is answered, and its stream closed', async () => {
  const stream = openStream(session, '/version', { ':method': 'POST', ':authority': 'evil.example' }, false);
  stream.write('x');
  assert.equal((await headOf(stream))[':status'], 403);
  await rest(stream);
  assert.equal(stream.closed, true);
});

test('a stream that is not read holds its own answer back, in bounded memory, and no other stream', async t => {
  const own = await connect(t);
  let written = 0;
  proxied.server.intercept((request, response) => {
    if (request.url !== '/endless') return false;
    const block = Buffer.alloc(1 << 16, 'x');
    const fill = () => {
      while (response.write(block)) written += block.length;
      written += block.length;
      response.once('drain', fill);
    };
    fill();
    return true;
  });
  const memory = await residentBytes(proxied.proxy.pid);
  const stalled = Array.from({ length: 20 }, () => {
    const stream = openStream(own, '/endless');
    stream.pause();
    return stream;
  });
  let before = -1;
  await until('the API server to be held back', () => {
    const same = written === before && written > 0;
    before = written;
    return same;
  });
  assert.ok(written < 20 * 8e6, `${written} bytes were taken`);
  for (let count = 0; count < 20; count++) assert.equal((await ask(own, '/api/v1/pods')).status, 200);
  assert.ok((await residentBytes(proxied.proxy.pid)) < memory + 100e6);
  for (const stream of stalled) stream.close(NGHTTP2_CANCEL);
});

test('an upload that the API server does not read waits at its client, and no other stream does', async t => {
  const own = await connect(t);
  let upstream: IncomingMessage | undefined;
  proxied.server.intercept(request => {
    if (request.url !== '/unread') return false;
    upstream = request;
    request.pause();
    return true;
  });
  const stream = openStream(own, '/unread', { ':method': 'POST' }, false);
  let sent = 0;
  const block = Buffer.alloc(1 << 16, 'x');
  const fill = () => {
    while (stream.writableLength < 1 << 20) {
      stream.write(block, error => {
        if (error == null) sent += block.length;
        if (!stream.closed) fill();
      });
    }
  };
  fill();
  let before = -1;
  let same = 0;
  await until('the client to be held back', () => {
    same = sent === before && upstream !== undefined ? same + 1 : 0;
    before = sent;
    return same > 20;
  });
  assert.ok(sent < 16e6, `${sent} bytes were taken`);
  assert.equal((await ask(own, '/version')).status, 200);
  stream.close(NGHTTP2_CANCEL);
});

// Accounts

test('each stream has its line in the log, with its own bytes', async t => {
  const own = await connect(t);
  const size = 300_000;
  proxied.server.intercept((request, response) => {
    if (!request.url?.startsWith('/sized-')) return false;
    response.end(Buffer.alloc(request.url === '/sized-large' ? size : 10, 'x'));
    return true;
  });
  await Promise.all([ask(own, '/sized-large'), ask(own, '/sized-small')]);
  const line = (path: string) => proxied.proxy.log().find(entry => entry['path'] === path);
  await until('both lines', () => line('/sized-large') !== undefined && line('/sized-small') !== undefined);
  const [large, small] = [Number(line('/sized-large')?.['bytes']), Number(line('/sized-small')?.['bytes'])];
  assert.ok(large >= size && large < size + 2000, String(large));
  assert.ok(small >= 10 && small < 2000, String(small));
});

test('bytes of a connection are counted once, whatever the number of its streams', async t => {
  const own = await startTlsProxy();
  t.after(() => own.close());
  const size = 500_000;
  own.server.intercept((request, response) => {
    if (request.url !== '/sized') return false;
    response.end(Buffer.alloc(size, 'x'));
    return true;
  });
  const client = await connect(t, own);
  await Promise.all(Array.from({ length: 10 }, () => ask(client, '/sized')));
  const metrics = (await ask(client, '/-/metrics')).text;
  const sent = Number(/response_bytes_total\{leg="plain"\} (\d+)/.exec(metrics)?.[1]);
  assert.ok(sent >= 10 * size && sent < 10 * size + 50_000, String(sent));
  assert.match(metrics, /kube_api_proxy_inflight_requests 0\n/);
});

test('requests that their clients cancel leave nothing in flight, HEAD among them', async t => {
  const own = await start(t);
  own.server.intercept(request => request.url === '/never');
  const client = await connect(t, own);
  for (const method of ['GET', 'HEAD', 'POST']) {
    const stream = openStream(client, '/never', { ':method': method });
    await own.server.waitForRequest(record => record.rawUrl === '/never' && record.method === method);
    stream.close(NGHTTP2_CANCEL);
  }
  let metrics = '';
  const deadline = Date.now() + 5000;
  do metrics = (await ask(client, '/-/metrics')).text;
  while (!/inflight_requests 0\n/.test(metrics) && Date.now() < deadline);
  assert.match(metrics, /kube_api_proxy_inflight_requests 0\n/);
});

// Leaving

test('SIGTERM sends GOAWAY, ends watches as the API server does, and lets a short request finish', async t => {
  const own = await start(t);
  own.server.intercept((request, response) => {
    if (request.url !== '/slow') return false;
    setTimeout(() => response.end('slow but whole'), 1000);
    return true;
  });
  const client = await connect(t, own);
  let goaway: number | undefined;
  client.on('goaway', code => {
    goaway = code;
  });
  const watch = openStream(client, quietWatch);
  await headOf(watch);
  const slow = ask(client, '/slow');
  await own.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
  const exit = own.proxy.stop();
  await rest(watch);
  assert.equal(watch.rstCode, NGHTTP2_NO_ERROR);
  const { status, text } = await slow;
  assert.deepEqual([status, text], [200, 'slow but whole']);
  assert.equal(goaway, NGHTTP2_NO_ERROR);
  assert.equal((await exit).code, 0);
});

test('SIGTERM ends idle connections at once, and cuts off what does not end in the grace', async t => {
  const idle = await start(t);
  await connect(t, idle);
  const begun = Date.now();
  assert.equal((await idle.proxy.stop()).code, 0);
  assert.ok(Date.now() - begun < 2000);

  const busy = await start(t, ['--shutdown-grace=2s']);
  busy.server.intercept(request => request.url === '/never');
  const client = await connect(t, busy);
  openStream(client, '/never');
  await busy.server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  const left = Date.now();
  assert.equal((await busy.proxy.stop()).code, 0);
  assert.ok(Date.now() - left < 4000);
});
