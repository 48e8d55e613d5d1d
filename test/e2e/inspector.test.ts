import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { send } from '../support/http-client.js';

import { childrenOf, start } from './worker-probe.js';

test("SIGUSR1 opens no process's inspector, and ends none", async t => {
  const { proxy } = await start(t, ['--workers=2']);
  const pids = [proxy.pid, ...childrenOf(proxy.pid)];
  assert.equal(pids.length, 3);
  for (const pid of pids) process.kill(pid, 'SIGUSR1');
  // Signals arrive in the order of their numbers, so the first has arrived when the second has its effect.
  proxy.process.kill('SIGUSR2');
  await eventually('the other signal', () => proxy.log().some(({ to }) => to === 'debug'));
  for (let sent = 0; sent < 4; sent += 1) assert.equal((await send(proxy.port, '/version')).status, 200);
  assert.doesNotMatch(proxy.stderr(), /Debugger/);
  assert.deepEqual([proxy.pid, ...childrenOf(proxy.pid)], pids);
});
