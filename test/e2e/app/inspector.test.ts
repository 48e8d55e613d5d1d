import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { startStack } from '../../support/proxy/stack.js';

test('SIGUSR1 does not open the inspector, and does not end the process', async t => {
  const { proxy } = await startStack(t);
  proxy.process.kill('SIGUSR1');
  // Signals arrive in the order of their numbers, so the first has arrived when the second has its effect.
  proxy.process.kill('SIGUSR2');
  await eventually('the other signal', () => proxy.log().some(({ to }) => to === 'debug'));
  assert.equal((await send(proxy.port, '/version')).status, 200);
  assert.doesNotMatch(proxy.stderr(), /Debugger/);
});
