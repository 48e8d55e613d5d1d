import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { after, type TestContext, test } from 'node:test';
import { ask, connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { eventually, within } from '../../../support/eventually.js';
import { residentBytes } from '../../../support/proxy/process-state.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack, type TlsStack } from '../../../support/proxy/stack.js';
import { steady } from '../../../support/steady.js';

const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = http2.constants;

const proxied = await startStack({ after }, { run: startProxyFor, tls: true });
const session = await connectHttp2(proxied.port, proxied.ca);
after(() => session.destroy());

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

// Guards

test('the host guard checks :authority, or Host without it, and rejects them if they differ', async () => {
  const statusOf = async (authority: string | undefined, host?: string) => {
    const stream = session.request({ ':path': '/version', ':authority': authority, ...(host && { host }) });
    stream.on('error', () => {});
    const { ':status': status } = await headOf(stream);
    return [status, await rest(stream)] as const;
  };
  for (const [status, authority, host] of [
    [403, 'evil.example'],
    [200, 'localhost'],
    [400, 'localhost', 'evil.example'],
    [400, 'evil.example', 'localhost'],
    [400, 'localhost', 'LOCALHOST'],
    [200, 'localhost', 'localhost'],
    [403, undefined, 'evil.example'],
    [200, undefined, 'localhost'],
  ] as const) {
    const [found, text] = await statusOf(authority, host);
    assert.equal(found, status, `${authority} ${host}`);
    if (status !== 200) assert.match(text, /"kind":"Status"/);
    if (status === 400) assert.match(text, /:authority and Host that differ/);
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
  const sizes = new Map([
    ['/sized-large', 300_000],
    ['/sized-small', 10],
  ]);
  proxied.server.intercept(({ url = '' }, response) => {
    if (!sizes.has(url)) return false;
    response.end(Buffer.alloc(sizes.get(url) as number, 'x'));
    return true;
  });
  const counted = 'kube_api_proxy_response_bytes_total{leg="plain"}';
  const before = await ownMetric(counted);
  await Promise.all([...sizes.keys()].map(path => ask(own, path)));
  await eventually('the end of all', async () => (await ownMetric('kube_api_proxy_inflight_requests')) === 0);
  const isAbout = (bytes: unknown, size: number) => Number(bytes) >= size && Number(bytes) < size + 2000;
  assert.ok(isAbout((await ownMetric(counted)) - before, 300_010));
  for (const [path, size] of sizes) {
    const line = () => proxied.proxy.log().find(entry => entry['path'] === path);
    await eventually('its line', () => line() !== undefined);
    assert.ok(isAbout(line()?.['bytes'], size), path);
  }
});

// Shutdown

test('SIGTERM sends GOAWAY, ends watches as the API server does, and lets a short request finish', async t => {
  const own = await startStack(t, { run: startProxyFor, flags: ['--shutdown-grace=5m'], tls: true });
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
