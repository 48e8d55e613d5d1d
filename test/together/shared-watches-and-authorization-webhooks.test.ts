import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send as ask } from '../support/clients/http-client.js';
import { openWatch } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { AskedWebhook } from '../support/upstreams/asked-webhook.js';

for (const [who, second, flags] of [
  ['client of the same user', 'alice', []],
  ['client of another user', 'carol', ['--share-watches-across-users']],
] as const) {
  test(`a ${who} joins a shared watch only if the authorization webhooks let it watch, whatever they said before`, async t => {
    const webhook = await AskedWebhook.start(t, {
      cacheAuthorizedRequests: false,
      cacheUnauthorizedRequests: false,
    });
    const { proxy, server } = await startGateway(t, {
      run: startInProcess,
      tokenFile: 'alice-token,alice,,\ncarol-token,carol,,\n',
      flags: [`--authorization-config=${webhook.file}`, '--share-watches', ...flags],
      // Without APIServices, what is built in is shared.
      server: { allow: ({ username }, { verb }) => username !== 'proxy' || verb === 'impersonate' },
    });
    const pods = '/api/v1/namespaces/default/pods';
    const headersOf = (user: string) => ({ authorization: `Bearer ${user}-token` });
    webhook.decide = () => ({ allowed: true });
    const list = (await ask(proxy.port, pods, { headers: headersOf('alice') })).json as {
      metadata: { resourceVersion: string };
    };
    const path = `${pods}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    const watch = async (user: string) => {
      const client = await openWatch(proxy.url + path, { headers: headersOf(user) });
      t.after(() => client.close());
      return client;
    };
    const [alice, other] = [await watch('alice'), await watch(second)];
    const watches = () => server.openWatches.filter(({ rawUrl }) => rawUrl.startsWith(pods)).length;
    assert.deepEqual([alice.status, other.status, watches()], [200, 200, 1], 'they share a watch');
    webhook.decide = ({ user }) =>
      user === second ? { denied: true, reason: 'no more' } : { allowed: true };
    const refused = await watch(second);
    assert.equal(refused.status, 403);
    await refused.ended;
    assert.match(String(refused.bytes()), /cannot watch resource .*: no more/);
    assert.equal(watches(), 1);
    if (second === 'alice') return;
    server.cut();
    assert.equal(await other.ended, 'end', 'when the watch is opened again');
    await eventually('the watch', () => watches() === 1);
    assert.equal(alice.state(), 'open');
  });
}
