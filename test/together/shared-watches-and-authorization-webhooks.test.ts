import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../e2e/leg.js';
import { send as ask, open } from '../support/clients/http-client.js';
import { startGateway } from '../support/proxy/gateway.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { AskedWebhook } from '../support/upstreams/asked-webhook.js';

test('a client joins a shared watch only if the authorization webhooks let it watch, whatever they said before', async t => {
  const webhook = await AskedWebhook.start(t, {
    cacheAuthorizedRequests: false,
    cacheUnauthorizedRequests: false,
  });
  const { proxy, server } = await startGateway(t, {
    run: startInProcess,
    tokenFile: 'alice-token,alice,,\nbob-token,bob,,\n',
    args: [`--authorization-config=${webhook.file}`, '--share-watches'],
  });
  const pods = '/api/v1/namespaces/default/pods';
  const headers = { authorization: 'Bearer alice-token' };
  webhook.decide = () => ({ allowed: true });
  const list = (await ask(proxy.port, pods, { headers })).json as { metadata: { resourceVersion: string } };
  const path = `${pods}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
  const [first, second] = [
    await open(proxy.port, path, { headers }),
    await open(proxy.port, path, { headers }),
  ];
  assert.deepEqual([first.statusCode, second.statusCode], [200, 200]);
  assert.equal(server.openWatches.length, 1, 'they share a watch');
  webhook.decide = () => ({ denied: true, reason: 'no more' });
  const third = await send(proxy.port, { target: path, headers: ['Authorization: Bearer alice-token'] });
  assert.equal(third.code, 403);
  assert.match(third.body, /cannot watch resource .*: no more/);
  assert.equal(server.openWatches.length, 1);
  for (const client of [first, second]) client.destroy();
});
