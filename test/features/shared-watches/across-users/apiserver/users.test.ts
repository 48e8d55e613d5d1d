import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually, eventuallyPasses } from '../../../../support/eventually.js';
import { test } from '../../../../support/kube-apiserver/api-server-test.js';
import {
  changes,
  createConfigMap as create,
  startSharingGateway as start,
} from '../../../../support/kube-apiserver/sharing-gateway.js';
import { forms, queryOf } from '../../../../support/proxy/watched-namespace.js';
import { createRandom } from '../../../../support/random.js';

const names = ['a1', 'b2', 'c1'];

test('60 users with generated rights get what watches of their own give them, byte for byte', async (t, server) => {
  const random = createRandom(50);
  const users = Array.from({ length: 60 }, (_, index) => `user-${index}-${randomUUID().slice(0, 8)}`);
  const namespace = await server.createNamespace();
  const configMaps = { apiGroups: [''], resources: ['configmaps'] };
  for (const user of users) {
    const verbs = random.pick([['list', 'watch'], ['watch'], ['watch', 'list', 'get'], ['list']]);
    const kind = random.below(4);
    if (kind === 0) await server.grant(user, [{ ...configMaps, verbs }]);
    else if (kind === 1) await server.bind(namespace, user, [{ ...configMaps, verbs }]);
    else if (kind === 2)
      await server.bind(namespace, user, [{ ...configMaps, verbs, resourceNames: [random.pick(names)] }]);
  }
  const gateway = await start(t, server, users);
  let from = await create(server, namespace, 'z1');
  from = await create(server, namespace, 'z2');
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const selectors = [
    '',
    '&labelSelector=app%3Done',
    ...names.map(name => `&fieldSelector=metadata.name%3D${name}`),
  ];
  const asked = users.flatMap(user =>
    [false, true].map(initial => {
      const query = queryOf({ initial, ...(!initial && { from }) }, from) + random.pick(selectors);
      const accept = random.pick([forms.json, forms.partial, forms.protobuf]);
      return { user, initial, target: `${path}?${query}`, accept };
    }),
  );
  const pairs = [];
  for (let index = 0; index < asked.length; index += 10) {
    const some = asked
      .slice(index, index + 10)
      .map(async one => ({ ...one, ...(await gateway.both(one.user, one.target, { accept: one.accept })) }));
    pairs.push(...(await Promise.all(some)));
  }
  for (const name of names) await create(server, namespace, name);
  await server.admin.do('DELETE', `${path}/a1`);
  const counts = { allowed: 0, refused: 0 };
  for (const { user, target, accept, shared, direct } of pairs) {
    const what = `${user} ${target} ${accept}`;
    assert.equal(shared.status, direct.status, what);
    const text = (watch: WatchClient) =>
      direct.status === 200 ? changes(watch) : watch.bytes().toString('latin1');
    if (direct.status !== 200) {
      await Promise.all([shared.ended, direct.ended]);
      counts.refused += 1;
    } else {
      counts.allowed += 1;
      const isAboutDeleted = !target.includes('fieldSelector') || target.includes('name%3Da1');
      if (isAboutDeleted)
        await eventually(`the last event for ${what}`, () => text(direct).includes('DELETED'));
      await eventuallyPasses(async () => assert.equal(text(shared), text(direct), what));
    }
    assert.equal(text(shared), text(direct), what);
  }
  const { opened = 0, ring = 0, initial = 0, refused = 0, own = 0 } = await gateway.joins();
  t.diagnostic(JSON.stringify({ counts, joins: await gateway.joins() }));
  assert.ok(counts.allowed > 20 && counts.refused > 20, JSON.stringify(counts));
  assert.equal(opened + ring + initial, counts.allowed);
  assert.equal(refused + own, counts.refused);
  assert.ok(
    refused > 0 && own > 0,
    'some are refused by a review, others by the answer to a stream of their own',
  );
  assert.ok(ring > opened, 'most watches are shared');
});
