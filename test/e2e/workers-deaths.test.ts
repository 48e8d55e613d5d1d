import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { isAlive } from '../support/exec-plugin.js';
import { open, send } from '../support/http-client.js';
import { health, openAttach, sample } from './credential-probe.js';
import { childrenOf, openWatches, sendMany, servedBy, start, workersOf } from './worker-probe.js';

describe('the death of a process', { concurrency: true }, () => {
  test('a worker that is killed loses only its own connections and is replaced; all others continue', async t => {
    const { proxy, server } = await start(t, ['--workers=3', '--reject-paths=']);
    const watches = await openWatches({ proxy, server }, 3);
    const before = workersOf(proxy);
    const [victim, pid] = [...before][0] as [number, number];
    process.kill(pid, 'SIGKILL');
    await eventually('another in its place', () => (workersOf(proxy).get(victim) ?? pid) !== pid);
    for (const [worker, open] of watches) {
      for (const watch of open) {
        if (worker === victim) await assert.rejects(watch.isAlive());
        else await watch.isAlive();
      }
    }
    assert.equal(await sample(proxy, 'kube_api_proxy_worker_restarts_total'), 1);
    assert.equal(await sample(proxy, 'kube_api_proxy_workers'), 3);
    const line = proxy.log().find(({ msg }) => msg === 'a worker died and is replaced');
    assert.deepEqual(
      { worker: line?.['worker'], pid: line?.['pid'], signal: line?.['signal'], deaths: line?.['deaths'] },
      { worker: victim, pid, signal: 'SIGKILL', deaths: 1 },
    );
    // The new worker is idle, so it gets the next connection.
    await sendMany(proxy.port, 3, '/version');
    await eventually('the new one serves', () => servedBy(proxy, '/version').has(victim));
    await (await openAttach(proxy)).isAlive();
    for (const watch of [...watches.values()].flat()) watch.close();
  });

  test('a worker that dies again and again is replaced more and more slowly, and the other serves meanwhile', async t => {
    const { proxy } = await start(t, ['--workers=2', '--log-level=info']);
    const other = workersOf(proxy).get(1) as number;
    const deaths = () => proxy.log().filter(({ msg }) => msg === 'a worker died and is replaced');
    for (let death = 1; death <= 3; death += 1) {
      await eventually('a worker to kill', () => workersOf(proxy).has(2));
      process.kill(workersOf(proxy).get(2) as number, 'SIGKILL');
      await eventually('its death', () => deaths().length === death);
    }
    assert.deepEqual(
      deaths().map(({ restartAfterSeconds }) => restartAfterSeconds),
      [0, 1, 2],
    );
    assert.deepEqual([...workersOf(proxy)], [[1, other]]);
    await sendMany(proxy.port, 5, '/version');
    assert.equal((await health(proxy, 'readyz')).status, 200);
    assert.equal(await sample(proxy, 'kube_api_proxy_workers'), 1);
    await eventually('its return', () => workersOf(proxy).has(2));
    assert.equal(await sample(proxy, 'kube_api_proxy_worker_restarts_total'), 3);
  });

  test('the program without any worker is not ready, and a connection waits for the next worker', async t => {
    const { proxy } = await start(t, ['--workers=2', '--admin-port=0', '--admin-address=127.0.0.1']);
    const line = proxy.log().find(({ msg }) => msg === 'admin listener');
    const admin = { port: Number(/\d+$/.exec(line?.['address'] as string)?.[0]) };
    const deaths = () => proxy.log().filter(({ msg }) => msg === 'a worker died and is replaced').length;
    // After its second death a worker is missing for a second.
    for (const number of [1, 2, 1, 2]) {
      const before = deaths();
      await eventually('a worker to kill', () => workersOf(proxy).has(number));
      process.kill(workersOf(proxy).get(number) as number, 'SIGKILL');
      await eventually('its death', () => deaths() === before + 1);
    }
    const ready = await send(admin.port, '/readyz');
    // The first of them may already have been replaced.
    if (workersOf(proxy).size === 0) {
      assert.equal(ready.status, 500);
      assert.match(ready.text, /\[-\]workers failed: no worker serves\n/);
    }
    assert.equal((await send(admin.port, '/livez')).status, 200);
    assert.equal((await send(proxy.port, '/version')).status, 200);
    await eventually('readiness', async () => (await send(admin.port, '/readyz')).status === 200);
  });

  test('a primary that is killed leaves no process behind', async t => {
    const { proxy, server } = await start(t, ['--workers=2']);
    const watch = await open(proxy.port, '/api/v1/pods?watch=1');
    watch.on('error', () => {});
    const pids = childrenOf(proxy.pid);
    assert.equal(pids.length, 2);
    process.kill(proxy.pid, 'SIGKILL');
    await eventually('the end of all', () => pids.filter(isAlive).length === 0);
    await server.waitForRequest(({ rawUrl }) => rawUrl.startsWith('/api/v1/pods'));
  });
});
