import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { eventsOf, FilteringGateway, sees } from '../../../support/kube-apiserver/filtering-gateway.js';

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const initial = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

test('a watch shows what becomes visible, changes, hides and is deleted, in each format and from each beginning', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, { users: ['ann', 'eve'] });
  const { admin } = server;
  const [own, later, hidden] = (await Promise.all(
    ['own', 'later', 'secret'].map(name => gateway.namespace(name, { stage: name })),
  )) as [string, string, string];
  const disown = await gateway.bind(own, gateway.user('ann'));
  await eventually('the API server knows', async () => (await gateway.names('ann')).length === 1);
  const { metadata } = JSON.parse((await gateway.ask('ann', '/api/v1/namespaces')).text);
  const version = `&resourceVersion=${metadata.resourceVersion}`;
  const watches = await Promise.all([
    gateway.watch('ann', ''),
    gateway.watch('ann', '', table),
    gateway.watch('ann', '&includeObject=None', table),
    gateway.watch('ann', initial),
    gateway.watch('ann', initial, table),
  ]);
  const fromVersion = await gateway.watch('ann', version, table);
  const selecting = await gateway.watch('ann', `${version}&labelSelector=stage%3Dlater`);
  const nobodys = await gateway.watch('eve', initial);
  for (const watch of watches) await sees(watch, `ADDED ${own}`);

  const unbind = await gateway.bind(later, gateway.user('ann'));
  const all = [...watches, fromVersion, selecting];
  for (const watch of all) await sees(watch, `ADDED ${later}`);
  await label(later, 'next');
  for (const watch of all.slice(0, -1)) await sees(watch, `MODIFIED ${later}`);
  await sees(selecting, `DELETED ${later}`);
  await label(hidden, 'other');
  await unbind();
  for (const watch of all.slice(0, -1)) await sees(watch, `DELETED ${later}`);
  await gateway.deleteNamespace(own);
  for (const watch of all.slice(0, -1)) await sees(watch, `DELETED ${own}`);

  await disown();
  await eventually('the API server knows', async () => !(await gateway.mayGet('ann', own)));
  // Made again, it is another one, which nobody has given to ann.
  await gateway.namespace('own');
  await gateway.namespace('more');
  await sleep(3_000);
  for (const watch of [...all, nobodys]) {
    assert.equal(watch.state(), 'open');
    const names = eventsOf(watch).filter(event => !event.startsWith('BOOKMARK'));
    assert.doesNotMatch(String(watch.bytes()), new RegExp(hidden));
    const versions = watch.events().map(line => BigInt(line.object.metadata.resourceVersion));
    if (!String(watch.bytes()).includes('BOOKMARK'))
      assert.deepEqual(
        versions,
        versions.toSorted((one, other) => Number(one - other)),
      );
    const shown = new Set(watch === fromVersion ? [own] : []);
    for (const [type, name] of names.map(event => event.split(' ') as [string, string]))
      if (type === 'DELETED') assert.ok(shown.delete(name), names.join());
      else if (type === 'ADDED') assert.ok(!shown.has(name) && shown.add(name), names.join());
      else assert.ok(shown.has(name), names.join());
    assert.deepEqual([...shown], []);
    for (const [index, { object }] of watch.events().entries()) {
      if (object.kind !== 'Table') continue;
      const { columnDefinitions } = object as unknown as { columnDefinitions: unknown[] | null };
      assert.equal(
        columnDefinitions !== null && columnDefinitions.length > 0,
        index === 0,
        String(watch.bytes()),
      );
    }
    watch.close();
  }
  assert.match(String(watches[2]?.bytes()), /"object":null/);
  assert.doesNotMatch(String(watches[2]?.bytes()), /"metadata":\{"name"/);

  async function label(name: string, stage: string): Promise<void> {
    await admin.do('PATCH', `/api/v1/namespaces/${name}`, { metadata: { labels: { stage } } });
  }
});
