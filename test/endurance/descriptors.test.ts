import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../support/clients/http-client.js';
import type { KubeconfigFile } from '../support/proxy/kubeconfig-file.js';
import { settled } from '../support/proxy/process-state.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';
import { ok, type StrictUpstream, startStrictUpstream } from '../support/upstreams/strict-upstream.js';

/** Node itself needs some twenty. */
const limit = 64;
const watchRequest = 'GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n';
const skip = spawnSync('prlimit', ['--version']).status === 0 ? false : 'prlimit is not in PATH';

let upstream: StrictUpstream;
let kubeconfig: KubeconfigFile;
let tokenFile: string;
let proxy: ProxyProcess;
/** What each connection of `exhaust` has received. */
let answers: string[] = [];

before(async () => {
  upstream = await startStrictUpstream(
    (request, socket) => {
      if (request.target.includes('watch'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      else socket.write(ok('ok'));
    },
    { scheme: 'https' },
  );
  kubeconfig = await upstream.writeKubeconfig({ user: { tokenFile: 'token' } });
  tokenFile = join(kubeconfig.directory, 'token');
  await writeFile(tokenFile, 'first');
  if (skip === false) {
    proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
    // The first watch negotiates the protocol of the API server, which needs its own connection.
    await startWatch();
    // The limit is set after the start, because Node opens many of a program's modules at a time.
    const { status } = spawnSync('prlimit', [`--pid=${proxy.pid}`, `--nofile=${limit}`]);
    assert.equal(status, 0);
  }
});

after(async () => {
  await proxy?.stop('SIGKILL');
  await upstream?.stop();
});

/** Opens a watch and leaves it. */
async function startWatch(): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port: proxy.port });
  socket.write(watchRequest);
  const [head] = await once(socket, 'data');
  socket.destroy();
  assert.match(String(head), /^HTTP\/1\.1 200 /);
}

/** Opens connections until the program has no descriptor for another one. It closes that one at once. */
async function exhaust(request = ''): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  let refused = 0;
  while (refused < 5) {
    assert.ok(sockets.length < 3 * limit, 'connections without end');
    const socket = net.connect({ host: '127.0.0.1', port: proxy.port });
    sockets.push(
      socket
        .on('error', () => {})
        .once('close', () => {
          refused += 1;
        }),
    );
    const received = answers;
    const index = received.push('') - 1;
    socket.on('data', bytes => {
      received[index] += bytes.toString('latin1');
    });
    socket.write(request);
    // Those above the limit are closed, however long a busy machine takes for that.
    if (sockets.length > limit) await Promise.race([once(socket, 'close').catch(() => {}), delay(5_000)]);
    else await delay(20);
  }
  return sockets;
}

function warnings(): string[] {
  return proxy
    .log()
    .filter(({ level }) => Number(level) >= 40)
    .map(line => JSON.stringify(line));
}

/** Waits until requests are answered normally again. */
async function recovered(): Promise<void> {
  const failed = async () => {
    const { status } = await send(proxy.port, '/version').catch(() => ({ status: 0 }));
    return status === 200 ? 0 : 1;
  };
  assert.equal(await settled(failed, 0), 0, 'requests are answered again');
  assert.equal(proxy.process.exitCode, null);
  assert.equal(proxy.process.signalCode, null);
  assert.deepEqual(
    warnings().filter(line => /uncaught|unhandled/.test(line)),
    [],
  );
}

describe('a program without a free file descriptor', { skip, timeout: 300_000 }, () => {
  test('because of its clients closes new connections, logs why, and accepts them when others have left', async () => {
    assert.equal((await send(proxy.port, '/version')).status, 200);
    const sockets = await exhaust();
    await assert.rejects(send(proxy.port, '/version'), /ECONNRESET|EPIPE|socket hang up/);
    // Accepted connections are served over the open upstream connections, because there is no descriptor for more.
    for (const socket of sockets) {
      if (!socket.destroyed) socket.write(watchRequest);
    }
    const answered = (pattern: RegExp) => () => (answers.some(text => pattern.test(text)) ? 0 : 1);
    assert.equal(await settled(answered(/^HTTP\/1\.1 200 /), 0), 0, answers.join());
    const refused = /^HTTP\/1\.1 503 [\s\S]*"kind":"Status"[\s\S]*no file descriptor left/;
    assert.equal(await settled(answered(refused), 0), 0, answers.join());
    // The files of the configuration are polled every four seconds.
    const told = () => (warnings().some(line => line.includes('EMFILE')) ? 0 : 1);
    assert.equal(await settled(told, 0), 0, proxy.stderr());
    for (const socket of sockets) socket.destroy();
    await recovered();
  });

  test('because of its watches answers others with 503, and continues open watches', async () => {
    answers = [];
    const sockets = await exhaust(watchRequest);
    // A connection that was closed at once has no answer.
    const answered = () => answers.filter(text => text !== '');
    const whole =
      /^HTTP\/1\.1 (200 [\s\S]*\r\n\r\n|503 [\s\S]*"kind":"Status"[\s\S]*no file descriptor left)/;
    const others = () => answered().filter(text => !whole.test(text)).length;
    assert.equal(await settled(others, 0), 0, answers.join());
    const isOpen = (text: string) => text.startsWith('HTTP/1.1 200');
    const watches = answered().filter(isOpen).length;
    assert.ok(watches > 5, answers.join());
    for (const socket of upstream.sockets) socket.write('5\r\nevent\r\n');
    const open = () => answered().filter(text => isOpen(text) && text.includes('event')).length;
    assert.equal(await settled(() => watches - open(), 0), 0, 'watches that go on');
    for (const socket of sockets) socket.destroy();
    await recovered();
  });

  test('still follows its credential files, at the latest when it has one again', async () => {
    const sockets = await exhaust();
    await writeFile(`${tokenFile}.new`, 'second');
    await rename(`${tokenFile}.new`, tokenFile);
    // Files are polled every four seconds.
    await delay(5000);
    for (const socket of sockets) socket.destroy();
    const before = upstream.requests.length;
    const old = async () => {
      await recovered();
      const seen = upstream.requests
        .slice(before)
        .some(request => request.values('authorization')[0] === 'Bearer second');
      return seen ? 0 : 1;
    };
    assert.equal(await settled(old, 0), 0, 'the new token is in use');
    const first = upstream.requests.at(-1);
    assert.ok(first);
    assert.deepEqual(first.values('authorization'), ['Bearer second']);
  });
});
