import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually, until, within } from '../../support/eventually.js';
import { type ProxyExit, type ProxyProcess, startProxyFor } from '../../support/proxy/proxy.js';
import { type Stack, startStack } from '../../support/proxy/stack.js';

const watchPath = '/api/v1/namespaces/kube-system/pods?watch=true';
const getWatch = `GET ${watchPath} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const getLog =
  'GET /api/v1/namespaces/default/pods/web-0/log?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n';
const getNever = 'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** Longer than a test waits, so a program that exits during the test has not waited for it. */
const longGrace = ['--shutdown-grace=5m'];

function start(t: TestContext, flags: readonly string[] = longGrace): Promise<Stack<ProxyProcess>> {
  return startStack(t, { run: startProxyFor, flags });
}

/** Sends a signal and returns the exit. */
function leave({ proxy }: Stack<ProxyProcess>, signal: NodeJS.Signals = 'SIGTERM'): Promise<ProxyExit> {
  return within('the end of the program', proxy.stop(signal));
}

/** Waits until the shutdown has begun: the program accepts no more connections. */
function refuses({ port }: Stack): Promise<void> {
  const isRefused = () =>
    new Promise<boolean>(resolve => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(false));
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
      socket.once('connect', () => socket.destroy());
    });
  return eventually('a refused connection', isRefused);
}

/** Sends a request that the API server never answers. */
async function sendNever({ server, port }: Stack) {
  server.intercept(request => request.url === '/never');
  const connection = await connectRaw(port);
  connection.write(getNever);
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  return connection;
}

// Each test ends its own program, and most of them wait for that.
describe('the program', { concurrency: 4 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`ends at once with exit code 0 when it is idle and gets ${signal}, and writes every line of its log`, async t => {
      const stack = await start(t);
      for (let count = 0; count < 50; count++) await send(stack.port, `/last/${count}`);
      assert.equal((await leave(stack, signal)).code, 0);
      const stderr = stack.proxy.stderr();
      for (let count = 0; count < 50; count++) assert.match(stderr, new RegExp(`/last/${count}[" ]`));
      assert.match(stderr, /shutting down[^\n]*\n/);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }

  test('ends a hundred open watches and a followed log with their last chunks, and an upgrade that waits with a 503, and tells the API server', async t => {
    const stack = await start(t);
    const errors: Error[] = [];
    const connections = await Promise.all(Array.from({ length: 101 }, () => connectRaw(stack.port)));
    for (const [index, connection] of connections.entries()) {
      connection.socket.on('error', error => errors.push(error));
      connection.write(index === 0 ? getLog : getWatch);
    }
    await Promise.all(connections.map(connection => connection.until(/\r\n\r\n/)));
    stack.server.interceptUpgrade(({ url }) => url === '/never');
    const waiting = await connectRaw(stack.port);
    waiting.write(getNever.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'));
    await stack.server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
    const records = stack.server.requests.filter(({ rawUrl }) => rawUrl === watchPath);
    assert.equal(records.length, 100);
    const { code } = await leave(stack);
    const [log, ...watches] = await Promise.all(connections.map(connection => connection.untilClosed()));
    assert.match(log ?? '', /\r\n0\r\n\r\n$/);
    assert.match(await waiting.untilClosed(), /^HTTP\/1\.1 503 /);
    for (const watch of watches) assert.match(watch, /\r\n\r\n0\r\n\r\n$/);
    assert.deepEqual(errors, []);
    assert.equal(code, 0);
    await Promise.all(records.map(({ closed }) => closed));
  });

  test('finishes requests in flight, closes idle connections, and accepts no new one', async t => {
    const stack = await start(t);
    let answerSlow = () => {};
    let finishDownload = () => {};
    stack.server.intercept((request, response) => {
      if (request.url === '/slow') answerSlow = () => response.end('slow but whole');
      else if (request.url === '/down') {
        response.write('0123456789');
        finishDownload = () => {
          for (let turn = 1; turn < 10; turn += 1) response.write('0123456789');
          response.end();
        };
      } else return false;
      return true;
    });
    const path = '/api/v1/namespaces/default/configmaps';
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
    const idle = await connectRaw(stack.port);
    idle.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.until(/\r\n\r\n[\s\S]*\}/);
    const [slow, upload] = await Promise.all([connectRaw(stack.port), connectRaw(stack.port)]);
    slow.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    upload.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    const download = send(stack.port, '/down');
    await stack.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
    await stack.server.waitForRequest(({ rawUrl }) => rawUrl === '/down');
    await stack.server.waitForRequest(({ method }) => method === 'POST');

    const leaving = leave(stack);
    await idle.untilClosed();
    await refuses(stack);
    assert.equal(stack.proxy.process.exitCode, null, 'it waits for the requests');
    upload.write(body.slice(10));
    finishDownload();
    answerSlow();
    // RFC 9112, section 9.6: `Connection: close` lets the client send its next request on another connection.
    await slow.until(/^HTTP\/1\.1 200 OK\r\n(?:[\s\S]*\r\n)?connection: close\r\n[\s\S]*slow but whole/i);
    await slow.untilClosed();
    await upload.until(/^HTTP\/1\.1 201 Created\r\n/);
    assert.equal((await download).text, '0123456789'.repeat(10));
    assert.equal((await leaving).code, 0);
    for (const { destroy } of [idle, slow, upload]) destroy();
  });

  test('ends at once with a second signal, which cuts requests but no line of the log', async t => {
    const stack = await start(t, ['--shutdown-delay=5m', ...longGrace]);
    const connection = await sendNever(stack);
    const exited = leave(stack);
    await until(async () => (await send(stack.port, '/-/readyz')).status !== 200);
    await send(stack.port, '/last');
    assert.equal((await stack.proxy.stop('SIGINT')).code, 1);
    await exited;
    const lines = stack.proxy.log().filter(({ path, msg }) => path === '/last' || msg === 'shutting down');
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['shutting down', 'request'],
    );
    connection.destroy();
  });
});
