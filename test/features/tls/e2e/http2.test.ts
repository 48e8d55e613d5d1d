import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { ask, connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { eventually, within } from '../../../support/eventually.js';
import { residentBytes } from '../../../support/proxy/process-state.js';
import { startStack, type TlsStack } from '../../../support/proxy/stack.js';
import { steady } from '../../../support/steady.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { connectFrames, frame, frameTypes, get } from '../../../support/upstreams/http2-frames.js';

const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;

const folder = temporaryFolder();
await writeFile(join(folder, 'page.txt'), 'a static page');
const proxied = await startStack({ after }, { flags: [`--www=${folder}`], tls: true });
const session = await connectHttp2(proxied.port, proxied.ca);
after(() => session.destroy());

/** A program that a test ends. */
function start(t: TestContext, flags: readonly string[]): Promise<TlsStack> {
  return startStack(t, { flags, tls: true });
}

/** The sum of the proxy's own samples whose lines begin with this text. */
async function ownMetric(start: string): Promise<number> {
  const { text } = await ask(session, '/-/metrics');
  const lines = text.split('\n').filter(line => line.startsWith(start));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function connect(t: TestContext, { proxy, ca }: TlsStack = proxied): Promise<ClientHttp2Session> {
  const own = await connectHttp2(proxy.port, ca);
  t.after(() => own.destroy());
  return own;
}

/** Waits for the end of a stream and returns its text. */
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

test('requests to the API server get the same answers as over HTTP/1.1, many at once on one connection', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(session, '/api/v1/pods')));
  for (const { status, json } of answers) {
    assert.equal(status, 200);
    assert.equal((json as { kind: string }).kind, 'PodList');
  }
});

test('rejections of the API server are passed on unchanged', async () => {
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
  proxied.server.intercept((request, response) => {
    if (request.url !== '/of-a-program') return false;
    response.writeHead(200, { 'content-length': 12 }).end();
    return true;
  });
  for (const path of ['/of-a-program', '/static/page.txt']) {
    const { status, headers, text } = await ask(session, path, { headers: { ':method': 'HEAD' } });
    assert.equal(status, 200);
    assert.ok(Number(headers['content-length']) > 0);
    assert.equal(text, '');
  }
});

// Guards

test('the host guard checks :authority', async () => {
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

test('a Host header that differs from :authority is rejected, in both cases', async () => {
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

test('a Host header without :authority is checked like :authority', async () => {
  const raw = (host: string) => {
    const stream = session.request({ ':path': '/version', ':authority': undefined, host });
    stream.on('error', () => {});
    return headOf(stream);
  };
  assert.equal((await raw('evil.example'))[':status'], 403);
  assert.equal((await raw('localhost'))[':status'], 200);
});

test('the filter and the path rules apply as over HTTP/1.1', async () => {
  const refused = [
    '/api/v1/namespaces/default/pods/web-0/exec?command=ls',
    '/api/v1/namespaces/default/pods/web-0/%65xec',
  ];
  for (const path of refused) assert.equal((await ask(session, path)).status, 403, path);
  const ambiguous = [
    ...['/api/../version', '/api/%2e%2e/version', '/api\\v1', '/api%zz', '*', `/api?${'&'.repeat(10_000)}`],
  ];
  for (const path of ambiguous) {
    const { status, text } = await ask(session, path, { headers: { ':method': 'OPTIONS' } });
    assert.equal(status, 400, `${path}: ${text}`);
  }
});

test('a method that HTTP/1.1 does not know is rejected with a Status, counted, and not passed on', async t => {
  const client = await connect(t);
  const counted = 'kube_api_proxy_rejected_requests_total{reason="bad_request"}';
  const before = await ownMetric(counted);
  for (const method of ['FOO', 'get']) {
    for (const path of ['/api/v1/namespaces/default/secrets', '/-/metrics']) {
      const stream = openStream(client, path, { ':method': method });
      assert.equal((await headOf(stream))[':status'], 400, method);
      const { kind, message } = JSON.parse(await rest(stream)) as { kind: string; message: string };
      assert.equal(kind, 'Status');
      assert.match(message, /method is not supported/);
    }
  }
  assert.ok(proxied.server.requests.every(({ rawUrl }) => !rawUrl.includes('secrets')));
  await eventually('four refusals', async () => (await ownMetric(counted)) === before + 4);
});

test('CONNECT is rejected, and extended CONNECT is off', async t => {
  const own = await connect(t);
  const plain = own.request({ ':method': 'CONNECT', ':authority': 'localhost:80' });
  plain.on('error', () => {});
  assert.equal((await headOf(plain))[':status'], 400);
  assert.ok(!own.remoteSettings.enableConnectProtocol);
});

// Headers

test('the API server gets the headers of a request without those of HTTP/2 or of the connection', async () => {
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

// Streams

test('a quiet watch has its headers at once, and its cancellation ends only this watch upstream', async t => {
  const own = await connect(t);
  const watches = () => proxied.server.requests.filter(({ rawUrl }) => rawUrl === quietWatch);
  const sent = watches().length;
  const [one, other] = [openStream(own, quietWatch), openStream(own, quietWatch)];
  assert.equal((await headOf(one))[':status'], 200);
  await eventually('both upstream', () => watches().length === sent + 2);
  const [first, second] = watches().slice(sent);
  one.close(NGHTTP2_CANCEL);
  await Promise.race([first?.closed, second?.closed]);
  // If other streams had ended too, this would be visible when another request is answered.
  assert.equal((await ask(own, '/version')).status, 200);
  const open = [first, second].filter(record => record?.closedAt === undefined);
  assert.equal(open.length, 1);
  assert.equal(other.closed, false);
});

test('a followed log arrives as it is written', async t => {
  const own = await connect(t);
  const stream = openStream(own, '/api/v1/namespaces/default/pods/web-0/log?follow=true');
  assert.equal((await headOf(stream))[':status'], 200);
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  assert.ok(chunk.length > 0);
  stream.close(NGHTTP2_CANCEL);
});

/** Answers every POST to a path with the number of bytes that arrived, and whether the body was complete. */
function receiveUploads(path: string): {
  received: { bytes: number; whole: boolean; lengthKnown: boolean }[];
  /** Whether anything of a body has arrived. */
  hasBegun: () => boolean;
} {
  let begun = false;
  const uploads: { bytes: number; whole: boolean; lengthKnown: boolean }[] = [];
  proxied.server.intercept((request, response) => {
    if (request.url !== path) return false;
    let bytes = 0;
    request.once('data', () => {
      begun = true;
    });
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
  return { received: uploads, hasBegun: () => begun };
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
  await eventually('both', () => received.length === 2);
  assert.deepEqual(received, [
    { bytes: body.length, whole: true, lengthKnown: true },
    { bytes: body.length, whole: true, lengthKnown: false },
  ]);
});

for (const [name, code] of Object.entries({ NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR })) {
  test(`an upload that its client resets with ${name} is never treated as complete`, async () => {
    const path = `/broken-upload-${code}`;
    const { received, hasBegun } = receiveUploads(path);
    const connection = await connectFrames(proxied.port, proxied.ca);
    connection.head(1, [[':method', 'POST'], ...get(path).slice(1)], false);
    connection.send(frame(frameTypes.data, 0, 1, Buffer.alloc(10_000, 'x')));
    await eventually('the first of the body', hasBegun);
    connection.send(frame(frameTypes.rstStream, 0, 1, Buffer.from([0, 0, 0, code])));
    await eventually('the end of the upload', () => received.length === 1);
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

test('an answer that breaks off upstream resets its stream and does not disturb the others', async t => {
  const own = await connect(t);
  let breakOff = () => {};
  proxied.server.intercept((request, response) => {
    if (request.url !== '/breaks-off') return false;
    response.write('half of it');
    breakOff = () => response.socket?.destroy();
    return true;
  });
  const watch = openStream(own, quietWatch);
  await headOf(watch);
  const broken = await ask(own, '/breaks-off', { onData: () => breakOff() });
  assert.deepEqual([broken.status, broken.text], [200, 'half of it']);
  assert.equal(broken.rstCode, NGHTTP2_INTERNAL_ERROR);
  assert.equal(watch.closed, false);
  assert.equal((await ask(own, '/version')).status, 200);
});

test('a rejected request with an endless body is answered, and its stream is closed', async () => {
  const stream = openStream(session, '/version', { ':method': 'POST', ':authority': 'evil.example' }, false);
  stream.write('x');
  assert.equal((await headOf(stream))[':status'], 403);
  await rest(stream);
  assert.equal(stream.closed, true);
});

test('a stream that is not read delays only its own answer, in limited memory', async t => {
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
  await eventually('the first bytes', () => written > 0);
  await steady(() => written);
  assert.ok(written < 20 * 8e6, `${written} bytes were taken`);
  for (let count = 0; count < 20; count++) assert.equal((await ask(own, '/api/v1/pods')).status, 200);
  assert.ok((await residentBytes(proxied.proxy.pid)) < memory + 100e6);
  for (const stream of stalled) stream.close(NGHTTP2_CANCEL);
});

// Metrics and log

test('each stream has its line in the log, with its own bytes, and those of a connection are counted once', async t => {
  const own = await connect(t);
  const size = 300_000;
  proxied.server.intercept((request, response) => {
    if (!request.url?.startsWith('/sized-')) return false;
    response.end(Buffer.alloc(request.url === '/sized-large' ? size : 10, 'x'));
    return true;
  });
  const counted = 'kube_api_proxy_response_bytes_total{leg="plain"}';
  const before = await ownMetric(counted);
  await Promise.all(
    Array.from({ length: 10 }, (_, index) => ask(own, index === 0 ? '/sized-small' : '/sized-large')),
  );
  await eventually('the end of all', async () => (await ownMetric('kube_api_proxy_inflight_requests')) === 0);
  const sent = (await ownMetric(counted)) - before;
  assert.ok(sent >= 9 * size && sent < 9 * size + 50_000, String(sent));
  const linesOf = (path: string) => proxied.proxy.log().filter(entry => entry['path'] === path);
  await eventually(
    'all lines',
    () => linesOf('/sized-large').length === 9 && linesOf('/sized-small').length === 1,
  );
  for (const [path, length] of [
    ['/sized-large', size],
    ['/sized-small', 10],
  ] as const) {
    for (const { bytes } of linesOf(path)) {
      assert.ok(Number(bytes) >= length && Number(bytes) < length + 2000, String(bytes));
    }
  }
});

test('requests that their clients cancel leave nothing in flight, even HEAD requests', async t => {
  proxied.server.intercept(request => request.url === '/never');
  const client = await connect(t);
  for (const method of ['GET', 'HEAD', 'POST']) {
    const stream = openStream(client, '/never', { ':method': method });
    await proxied.server.waitForRequest(record => record.rawUrl === '/never' && record.method === method);
    stream.close(NGHTTP2_CANCEL);
  }
  await eventually('the end of all', async () => (await ownMetric('kube_api_proxy_inflight_requests')) === 0);
});

// Shutdown

test('SIGTERM sends GOAWAY, ends watches as the API server does, and lets a short request finish', async t => {
  const own = await start(t, ['--shutdown-grace=5m']);
  let answer = () => {};
  own.server.intercept((request, response) => {
    if (request.url !== '/slow') return false;
    answer = () => response.end('slow but whole');
    return true;
  });
  const [client, idle] = await Promise.all([connect(t, own), connect(t, own)]);
  const idleEnds = once(idle, 'close');
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
  await within('the end of an idle connection', idleEnds);
  answer();
  const { status, text } = await slow;
  assert.deepEqual([status, text], [200, 'slow but whole']);
  assert.equal(goaway, NGHTTP2_NO_ERROR);
  assert.equal((await within('the end of the program', exit)).code, 0);
});
