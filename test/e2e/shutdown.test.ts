import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open, send } from '../support/http-client.js';
import { type ProxiedApiServer, startProxiedApiServer } from '../support/proxied-api-server.js';
import type { ProxyExit } from '../support/proxy.js';
import { connectRaw } from '../support/raw-http.js';

const watchPath = '/api/v1/namespaces/kube-system/pods?watch=true';
const getWatch = `GET ${watchPath} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

async function start(t: TestContext, args: string[] = []): Promise<ProxiedApiServer> {
  const proxied = await startProxiedApiServer({}, args);
  t.after(() => proxied.close());
  return proxied;
}

/** Sends a signal and gives the exit and how many milliseconds it took. */
async function leave(
  { proxy }: ProxiedApiServer,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<ProxyExit & { readonly took: number }> {
  const started = Date.now();
  const exit = await proxy.stop(signal);
  return { ...exit, took: Date.now() - started };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends the idle program at once with exit code 0`, async t => {
    const proxied = await start(t);
    await send(proxied.proxy.port, '/version');
    const { code, took } = await leave(proxied, signal);
    assert.equal(code, 0);
    assert.ok(took < 1000, `it took ${took} ms`);
    assert.doesNotMatch(proxied.proxy.stderr(), /\n\s+at /);
  });
}

for (const format of ['json', 'pretty'] as const) {
  test(`the program leaves no line of its ${format} log unwritten, be it the last`, async t => {
    const proxied = await start(t, [`--log-format=${format}`]);
    for (let count = 0; count < 50; count++) await send(proxied.proxy.port, `/last/${count}`);
    const { code } = await leave(proxied);
    assert.equal(code, 0);
    const stderr = proxied.proxy.stderr();
    for (let count = 0; count < 50; count++) assert.match(stderr, new RegExp(`/last/${count}[" ]`));
    assert.match(stderr, /leaving[^\n]*\n/);
  });
}

test('a second signal does not cost a line of the log either', async t => {
  const proxied = await start(t, ['--shutdown-delay=10s']);
  const exited = leave(proxied);
  while ((await send(proxied.proxy.port, '/-/readyz')).status === 200);
  await send(proxied.proxy.port, '/last');
  assert.equal((await proxied.proxy.stop('SIGTERM')).code, 1);
  await exited;
  const lines = proxied.proxy.log();
  assert.deepEqual(
    lines.filter(({ path, msg }) => path === '/last' || msg === 'leaving').map(({ msg }) => msg),
    ['leaving', 'request'],
  );
});

test('an open watch ends with its last chunk, and the API server is told', async t => {
  const proxied = await start(t);
  const connection = await connectRaw(proxied.proxy.port);
  let error: Error | undefined;
  connection.socket.on('error', caught => {
    error = caught;
  });
  connection.write(getWatch);
  await connection.until(/\r\n\r\n/);
  const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === watchPath);
  const { code, took } = await leave(proxied);
  assert.match(await connection.untilClosed(), /\r\n\r\n0\r\n\r\n$/);
  assert.equal(error, undefined);
  assert.equal(code, 0);
  assert.ok(took < 2000, `it took ${took} ms`);
  await record.closed;
  connection.destroy();
});

test('a watch whose client does not read does not hold the program up', async t => {
  const proxied = await start(t, ['--shutdown-grace=2s']);
  proxied.server.intercept((request, response) => {
    if (request.url !== '/api/v1/pods?watch=1') return false;
    const block = Buffer.alloc(1 << 20, 'x');
    const fill = () => {
      while (response.write(block));
      response.once('drain', fill);
    };
    fill();
    return true;
  });
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await connection.until(/\r\n\r\n/);
  connection.socket.pause();
  await delay(300);
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took < 2500, `it took ${took} ms`);
  connection.destroy();
});

test('a hundred open watches all end with their last chunk', async t => {
  const proxied = await start(t);
  const connections = await Promise.all(Array.from({ length: 100 }, () => connectRaw(proxied.proxy.port)));
  for (const connection of connections) connection.write(getWatch);
  await Promise.all(connections.map(connection => connection.until(/\r\n\r\n/)));
  const { code } = await leave(proxied);
  const ends = await Promise.all(connections.map(connection => connection.untilClosed()));
  for (const end of ends) assert.match(end, /\r\n\r\n0\r\n\r\n$/);
  assert.equal(code, 0);
});

test('a followed log ends with its last chunk', async t => {
  const proxied = await start(t);
  const connection = await connectRaw(proxied.proxy.port);
  connection.write(
    'GET /api/v1/namespaces/default/pods/web-0/log?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n',
  );
  await connection.until(/\r\n\r\n/);
  const { code } = await leave(proxied);
  assert.match(await connection.untilClosed(), /\r\n0\r\n\r\n$/);
  assert.equal(code, 0);
});

test('a short request that is under way finishes, and its connection is closed after it', async t => {
  const proxied = await start(t);
  proxied.server.intercept(async (request, response) => {
    if (request.url !== '/slow') return false;
    await delay(1000);
    response.end('slow but whole');
    return true;
  });
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
  const { code, took } = await leave(proxied);
  assert.match(await connection.untilClosed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*slow but whole/);
  assert.equal(code, 0);
  assert.ok(took > 500 && took < 2500, `it took ${took} ms`);
});

test('a request that follows on a connection of before is the last of it', async t => {
  const proxied = await start(t);
  proxied.server.intercept(async (request, response) => {
    if (request.url !== '/slow') return false;
    await delay(500);
    response.end('slow');
    return true;
  });
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
  const leaving = leave(proxied);
  await delay(200);
  // RFC 9112, section 9.6: what announces the close lets the client send its next request elsewhere.
  await connection.until(/^HTTP\/1\.1 200 OK\r\n(?:[\s\S]*\r\n)?connection: close\r\n[\s\S]*slow/i);
  await connection.untilClosed(1000);
  assert.equal((await leaving).code, 0);
});

test('an upload and a download that are under way finish', async t => {
  const proxied = await start(t);
  proxied.server.intercept(async (request, response) => {
    if (request.url !== '/down') return false;
    for (let turn = 0; turn < 10; turn += 1) {
      response.write('0123456789');
      await delay(100);
    }
    response.end();
    return true;
  });
  const path = '/api/v1/namespaces/default/configmaps';
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
  const upload = await connectRaw(proxied.proxy.port);
  upload.write(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
  );
  const download = send(proxied.proxy.port, '/down');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/down');
  await proxied.server.waitForRequest(({ method }) => method === 'POST');
  const leaving = leave(proxied);
  await delay(300);
  upload.write(body.slice(10));
  await upload.until(/^HTTP\/1\.1 201 Created\r\n/);
  assert.equal((await download).text, '0123456789'.repeat(10));
  assert.equal((await leaving).code, 0);
});

test('a request that does not finish is cut, and the program still leaves within --shutdown-grace', async t => {
  const proxied = await start(t, ['--shutdown-grace=1500ms']);
  proxied.server.intercept(request => request.url === '/never');
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took >= 900 && took < 2000, `it took ${took} ms`);
  await connection.untilClosed(1000);
});

test('--shutdown-grace is five seconds unless told otherwise', { timeout: 20_000 }, async t => {
  const proxied = await start(t);
  proxied.server.intercept(request => request.url === '/never');
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took >= 3000 && took < 5300, `it took ${took} ms`);
  connection.destroy();
});

test('idle connections are closed and no new one is taken while a request finishes', async t => {
  const proxied = await start(t);
  const { port } = proxied.proxy;
  proxied.server.intercept(async (request, response) => {
    if (request.url !== '/slow') return false;
    await delay(1500);
    response.end('slow');
    return true;
  });
  const idle = await connectRaw(port);
  idle.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await idle.until(/\r\n\r\n[\s\S]*\}/);
  const slow = send(port, '/slow');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
  const leaving = leave(proxied);
  await idle.untilClosed(1000);
  await delay(200);
  const refused = net.connect(port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  assert.equal((await slow).text, 'slow');
  const { code, took } = await leaving;
  assert.equal(code, 0);
  assert.ok(took < 3000, `it took ${took} ms`);
  idle.destroy();
});

test('a connection that has never been used, as browsers keep them, is closed at once', async t => {
  const proxied = await start(t);
  const unused = await connectRaw(proxied.proxy.port);
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took < 1000, `it took ${took} ms`);
  await unused.untilClosed(1000);
  unused.destroy();
});

test('a connection that has sent half a head does not hold the program up', async t => {
  const proxied = await start(t, ['--shutdown-grace=2s']);
  const connection = await connectRaw(proxied.proxy.port);
  connection.write('GET /version HTTP/1.1\r\nHost: loc');
  await delay(100);
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took < 2500, `it took ${took} ms`);
  connection.destroy();
});

for (const second of ['SIGTERM', 'SIGINT'] as const) {
  test(`a second signal, ${second}, ends the program at once`, async t => {
    const proxied = await start(t);
    proxied.server.intercept(request => request.url === '/never');
    const connection = await connectRaw(proxied.proxy.port);
    connection.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
    proxied.proxy.process.kill('SIGTERM');
    await delay(300);
    assert.equal(proxied.proxy.process.exitCode, null);
    const { took, code } = await leave(proxied, second);
    assert.ok(took < 500, `it took ${took} ms`);
    assert.notEqual(code, 0, 'a request was cut');
    connection.destroy();
  });
}

test('a signal while the API server is away ends the program at once', async t => {
  const proxied = await start(t);
  await proxied.server.kill();
  await send(proxied.proxy.port, '/version');
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took < 1000, `it took ${took} ms`);
});

test('a watch that is refused or over by then is no trouble', async t => {
  const proxied = await start(t);
  const response = await open(proxied.proxy.port, watchPath);
  response.on('error', () => {});
  response.destroy();
  assert.equal((await send(proxied.proxy.port, '/api/v1/missing?watch=1')).status, 404);
  await delay(100);
  const { code, took } = await leave(proxied);
  assert.equal(code, 0);
  assert.ok(took < 1000, `it took ${took} ms`);
});
