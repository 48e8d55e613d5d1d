import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { send } from '../support/http-client.js';
import { startProxy } from '../support/proxy.js';
import { sample } from './credential-probe.js';
import { childrenOf } from './worker-probe.js';

/** Signals that cause an uncaught error, because the program has no known fault that does. */
const faults = `
process.on('SIGWINCH', () => { throw new Error('a fault'); });
process.on('SIGCONT', () => { Promise.reject(new Error('a fault')); });
`;

test('an uncaught error ends no process, and each process counts its own', async t => {
  const proxy = await startProxy(['--server=http://127.0.0.1:1', '--workers=2'], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(faults)}`,
  });
  t.after(() => proxy.stop('SIGKILL'));
  const pids = [proxy.pid, ...childrenOf(proxy.pid)];
  const count = () => sample(proxy, 'kube_api_proxy_uncaught_exceptions_total');
  assert.equal(await count(), 0);
  let sent = 0;
  for (const pid of pids) {
    for (const signal of ['SIGWINCH', 'SIGCONT'] as const) {
      process.kill(pid, signal);
      sent += 1;
      await eventually(`${sent} of them`, async () => (await count()) === sent);
    }
  }
  const told = (message: string) => proxy.log().filter(({ msg }) => msg === message).length;
  await eventually('the lines', () => told('uncaught exception') === 3 && told('unhandled rejection') === 3);
  assert.equal((await send(proxy.port, '/-/livez')).status, 200);
  assert.deepEqual([proxy.pid, ...childrenOf(proxy.pid)], pids);
});
