import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send, toBytes } from '../../../e2e/leg.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { startStack } from '../../../support/proxy/stack.js';

const from = (...addresses: readonly string[]) => [`X-Forwarded-For: ${addresses.join(', ')}`];

test('limits by address count the clients of a trusted proxy, and not what a client says of itself', async t => {
  const flags = ['--trusted-proxies=127.0.0.1', '--max-requests-inflight-per-user=1'];
  const { proxy, server } = await startStack(t, { flags });
  server.intercept(({ url }) => url === '/never');
  const waiting = await connectRaw(proxy.port);
  t.after(() => waiting.destroy());
  waiting.write(toBytes({ target: '/never', headers: from('198.51.100.7') }));
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  for (const [headers, code] of [
    [from('198.51.100.7'), 429],
    [from('203.0.113.9', '198.51.100.7'), 429],
    [from('203.0.113.9'), 200],
    [from('198.51.100.7', '203.0.113.9'), 200],
    [[], 200],
  ] as const) {
    assert.equal((await send(proxy.port, { target: '/version', headers })).code, code, headers.join());
  }
});
