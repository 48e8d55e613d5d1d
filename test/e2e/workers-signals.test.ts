import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, within } from '../support/eventually.js';
import { isAlive } from '../support/exec-plugin.js';
import { send } from '../support/http-client.js';
import { connectRaw } from '../support/raw-http.js';
import { health } from './credential-probe.js';
import { childrenOf, openWatches, servedBy, start, workersOf } from './worker-probe.js';

describe('a program with workers', { concurrency: 3 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends watches on every worker with their last chunk, and the program with exit code 0`, async t => {
      const { proxy, server } = await start(t, ['--workers=2', '--shutdown-grace=5m']);
      const connections = await Promise.all(Array.from({ length: 12 }, () => connectRaw(proxy.port)));
      for (const connection of connections) {
        connection.write('GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
      }
      await Promise.all(connections.map(connection => connection.until(/\r\n\r\n/)));
      await eventually('each of them', () => servedBy(proxy, '/api/v1/pods').size === 2);
      let answer = () => {};
      server.intercept((request, response) => {
        if (request.url !== '/slow') return false;
        answer = () => response.end('slow but whole');
        return true;
      });
      const slow = send(proxy.port, '/slow');
      await server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
      const pids = childrenOf(proxy.pid);
      const leaving = within('the end of the program', proxy.stop(signal));
      for (const connection of connections) assert.match(await connection.untilClosed(), /\r\n0\r\n\r\n$/);
      answer();
      assert.equal((await slow).text, 'slow but whole');
      const { code } = await leaving;
      assert.equal(code, 0);
      assert.deepEqual(pids.filter(isAlive), []);
      assert.equal(proxy.log().filter(({ msg }) => msg === 'shutting down').length, 1);
      assert.doesNotMatch(proxy.stderr(), /died/);
    });
  }

  test('Ctrl-C in a terminal, which every process of the group receives, drains once', async t => {
    const { proxy, server } = await start(t, ['--workers=2', '--shutdown-delay=5s']);
    const watches = await openWatches({ proxy, server }, 2);
    const pids = childrenOf(proxy.pid);
    for (const pid of [...pids, proxy.pid]) process.kill(pid, 'SIGINT');
    await eventually('that it leaves', () => proxy.log().some(({ msg }) => msg === 'shutting down'));
    // First it is unready, while everything continues.
    assert.match((await health(proxy, 'readyz')).text, /\[-\]shutdown failed/);
    for (const watch of [...watches.values()].flat()) await watch.isAlive();
    assert.equal((await proxy.exited).code, 0);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal(proxy.log().filter(({ msg }) => msg === 'shutting down').length, 1);
  });

  test('a worker that does not exit is killed, and the program still exits in time', async t => {
    const { proxy } = await start(t, ['--workers=2', '--shutdown-grace=1s']);
    const pid = workersOf(proxy).get(1) as number;
    process.kill(pid, 'SIGSTOP');
    // One second after its grace period it would exit with 1.
    assert.equal((await proxy.stop()).code, 0);
    assert.equal(isAlive(pid), false);
  });

  test('a second signal ends all processes at once', async t => {
    const { proxy, server } = await start(t, ['--workers=2']);
    server.intercept(request => request.url === '/never');
    const connection = await connectRaw(proxy.port);
    t.after(() => connection.destroy());
    connection.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
    const pids = childrenOf(proxy.pid);
    proxy.process.kill('SIGTERM');
    await eventually('that it leaves', () => proxy.log().some(({ msg }) => msg === 'shutting down'));
    assert.notEqual((await proxy.stop('SIGTERM')).code, 0, 'a request was cut');
    await eventually('the end of all', () => pids.filter(isAlive).length === 0);
  });

  test('SIGUSR2 changes the level of every worker, even of later ones', async t => {
    const { proxy } = await start(t, ['--workers=2', '--log-level=warn']);
    const pids = childrenOf(proxy.pid);
    // A signal to the whole process group must not end the workers.
    for (const pid of [...pids, proxy.pid]) process.kill(pid, 'SIGUSR2');
    await eventually('the change', () => proxy.log().some(({ to }) => to === 'info'));
    await eventually('lines of both', async () => {
      await send(proxy.port, '/version');
      return servedBy(proxy, '/version').size === 2;
    });
    process.kill(pids[0] as number, 'SIGKILL');
    await eventually('another', () => proxy.log().some(({ msg }) => msg === 'worker serves'));
    const fresh = [...workersOf(proxy).keys()][0] as number;
    await eventually('lines of the new one', async () => {
      await send(proxy.port, '/api');
      return servedBy(proxy, '/api').has(fresh);
    });
  });
});
