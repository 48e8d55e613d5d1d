import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { sample } from '../credential-probe.js';

/** Signals that cause an uncaught error, because the program has no known fault that does. */
const faults = `
process.on('SIGWINCH', () => { throw new Error('a fault'); });
process.on('SIGCONT', () => { Promise.reject(new Error('a fault')); });
`;

test('an uncaught error does not end the process, and is counted', async t => {
  const proxy = await startProxy(['--server=http://127.0.0.1:1'], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(faults)}`,
  });
  t.after(() => proxy.stop('SIGKILL'));
  const count = () => sample(proxy, 'kube_api_proxy_uncaught_exceptions_total');
  assert.equal(await count(), 0);
  let sent = 0;
  for (const signal of ['SIGWINCH', 'SIGCONT', 'SIGWINCH', 'SIGCONT'] as const) {
    proxy.process.kill(signal);
    sent += 1;
    await eventually(`${sent} of them`, async () => (await count()) === sent);
  }
  const told = (message: string) => proxy.log().filter(({ msg }) => msg === message).length;
  await eventually('the lines', () => told('uncaught exception') === 2 && told('unhandled rejection') === 2);
  assert.equal((await send(proxy.port, '/-/livez')).status, 200);
});
