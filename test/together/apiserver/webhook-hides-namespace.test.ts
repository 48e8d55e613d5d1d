import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway, sees } from '../../support/kube-apiserver/filtering-gateway.js';
import { AskedWebhook } from '../../support/upstreams/asked-webhook.js';

test('a webhook’s no hides one namespace, of a user who may get all too, and a later one ends the watch at the next recheck', async (t, server) => {
  const webhook = await AskedWebhook.start(t, { authorizedTTL: '1s', unauthorizedTTL: '1s' });
  const denied = new Set<string>();
  webhook.decide = ({ resourceAttributes }) => {
    const { name = '' } = (resourceAttributes ?? {}) as { readonly name?: string };
    return denied.has(name) ? { allowed: false, denied: true, reason: 'hidden' } : { allowed: false };
  };
  const gateway = await FilteringGateway.start(t, server, {
    users: ['ann', 'bob'],
    flags: [`--authorization-config=${webhook.file}`, '--recheck-streams=10s'],
  });
  const [one, two, hidden] = [
    await gateway.namespace('one'),
    await gateway.namespace('two'),
    await gateway.namespace('hidden'),
  ];
  denied.add(hidden);
  for (const name of [one, two, hidden]) await gateway.bind(name, gateway.user('ann'));
  await server.grant(`bob-${gateway.id}`, [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'] }]);
  await eventually('ann has two', async () => (await gateway.names('ann')).length === 2);
  const bobs = await gateway.names('bob');
  assert.ok(bobs.includes(one) && bobs.includes('default') && !bobs.includes(hidden), bobs.join());

  const watches = [await gateway.watch('ann', ''), await gateway.watch('bob', '')];
  for (const watch of watches) await sees(watch, `ADDED ${one}`, `ADDED ${two}`);
  denied.add(two);
  for (const watch of watches) {
    await eventually('the watch ends', () => watch.state() === 'end', 30_000);
    const last = watch.events().at(-1);
    assert.deepEqual([last?.type, last?.object.code], ['ERROR', 410]);
    assert.doesNotMatch(watch.bytes().toString(), new RegExp(hidden));
  }
  assert.deepEqual(await gateway.names('ann'), [one]);
});
