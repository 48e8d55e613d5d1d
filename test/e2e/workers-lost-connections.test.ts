import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { send } from '../support/http-client.js';
import { connectRaw } from '../support/raw-http.js';
import { sample } from './credential-probe.js';
import { servedBy, start, workersOf } from './worker-probe.js';

/** Makes the next calls of sendmsg fail, with which a process sends descriptors. Skips the test if that is not possible. */
async function failSends(t: TestContext, pid: number, count: number): Promise<boolean> {
  const injection = `inject=sendmsg:error=ETOOMANYREFS:when=1..${count}`;
  const strace = spawn('strace', ['-f', '-p', String(pid), '-e', 'trace=sendmsg', '-e', injection], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => strace.kill());
  let text = '';
  strace.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = once(strace, 'close').catch(() => []);
  strace.on('error', () => {});
  const attached = async () => {
    while (!text.includes('attached')) await new Promise(resolve => setTimeout(resolve, 10));
    return true;
  };
  const isAttached = await Promise.race([attached(), ended.then(() => false)]);
  if (!isAttached) t.skip('strace cannot attach');
  return isAttached;
}

describe('connections that cannot be sent to workers', { concurrency: true }, () => {
  test('every worker is used again after the send of a connection to each of them has failed', async t => {
    const { proxy } = await start(t, ['--workers=2']);
    if (!(await failSends(t, proxy.pid, 2))) return;
    const answers = await Promise.all([1, 2, 3, 4].map(() => send(proxy.port, '/version')));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    await eventually('each of them', async () => {
      await send(proxy.port, '/version');
      return servedBy(proxy, '/version').size === 2;
    });
    // Messages to the workers arrive too.
    assert.equal(await sample(proxy, 'kube_api_proxy_workers_unanswered'), 0);
    assert.equal((await proxy.stop()).code, 0);
  });

  test('a worker without a free descriptor gets no connection, and is used again when it has one', async t => {
    const { proxy } = await start(t, ['--workers=2']);
    const pid = workersOf(proxy).get(1) as number;
    const limit = (descriptors: number) =>
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`]);
    limit(3);
    // These connections stay open, so that the other worker has more connections than this one.
    const connections = await Promise.all(Array.from({ length: 4 }, () => connectRaw(proxy.port)));
    for (const connection of connections) {
      connection.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await connection.until(/gitVersion/);
    }
    const lines = () => proxy.log().filter(({ path }) => path === '/version').length;
    await eventually('a line for each', () => lines() === 4);
    assert.deepEqual([...servedBy(proxy, '/version')], [2]);
    limit(1024);
    await send(proxy.port, '/version');
    await eventually('the other one', () => servedBy(proxy, '/version').size === 2);
    for (const connection of connections) connection.destroy();
  });
});
