import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { JsonEvent, WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually } from '../../../../support/eventually.js';
import type { ApiServer } from '../../../../support/kube-apiserver/api-server.js';
import { test } from '../../../../support/kube-apiserver/api-server-test.js';
import {
  changes,
  type Pair,
  startSharingGateway,
} from '../../../../support/kube-apiserver/sharing-gateway.js';
import { ageless, forms, queryOf } from '../../../../support/proxy/watched-namespace.js';
import { version, Widgets } from './widgets.js';

/** Two users of a gateway who may watch a custom resource. */
async function start(t: TestContext, server: ApiServer) {
  const namespace = await server.createNamespace();
  const widgets = new Widgets(server, namespace);
  const rule = { apiGroups: [widgets.group], resources: ['widgets'], verbs: ['watch'] };
  const users = [`ann-${widgets.group}`, `bob-${widgets.group}`];
  for (const user of users) await server.bind(namespace, user, [rule]);
  await widgets.define(version('v1'));
  const gateway = await startSharingGateway(t, server, users);
  const current = async (of = 'v1') => {
    const list = await server.admin.do('GET', widgets.path(of));
    return (list as JsonEvent['object']).metadata.resourceVersion;
  };
  return { widgets, users, gateway, current };
}

test('watches of a custom resource are shared once its API has been local for a minute, and end when another server takes it over', async (t, server) => {
  const { widgets, users, gateway, current } = await start(t, server);
  const target = `${widgets.path('v1')}?watch=1&resourceVersion=${await current()}`;
  const openBoth = async (query = '') => {
    const watches = [];
    for (const user of users) watches.push(await gateway.shared(user, target + query));
    return watches;
  };
  for (const { status } of await openBoth()) assert.equal(status, 200);
  assert.equal((await gateway.joins())['opened'], 2, 'each has one of its own');
  let shared: WatchClient[] = [];
  await eventually('a shared watch', async () => {
    gateway.clock.pass(60_000);
    shared = await openBoth();
    return ((await gateway.joins())['ring'] ?? 0) > 0;
  });
  await widgets.create('one', 'v1');
  for (const watch of shared) await watch.untilNamed('one');
  const apiService = `/apis/apiregistration.k8s.io/v1/apiservices/v1.${widgets.group}`;
  await server.admin.do('PATCH', apiService, {
    metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': null } },
    spec: { service: { name: 'nobody', namespace: 'default', port: 443 }, insecureSkipTLSVerify: true },
  });
  for (const watch of shared) assert.equal(await watch.ended, 'end');
  const { ring } = await gateway.joins();
  gateway.clock.pass(60_000);
  await openBoth('&labelSelector=a%3Db');
  assert.equal((await gateway.joins())['ring'], ring, 'nobody joins another one');
  await server.admin.do('DELETE', apiService);
});

/** The names of the columns that each event of a Table watch has. */
const columnsOf = (watch: WatchClient) =>
  watch
    .events()
    .map(({ object }) => object.columnDefinitions?.map(column => (column as { name: string }).name).join());

/** The events, byte for byte but for ages and columns of Tables: the API server sends columns again with some later events. */
const textOf = (watch: WatchClient) =>
  ageless(Buffer.from(changes(watch), 'latin1')).replace(
    /"columnDefinitions":\[.*?\],"rows"/g,
    '"columnDefinitions":null,"rows"',
  );

test('watches of a custom resource end with each change of its definition as direct ones do, or go on from a newer bookmark, and the next ones give the same, byte for byte, Tables with the new columns', async (t, server) => {
  const { widgets, users, gateway, current } = await start(t, server);
  let tries = 0;
  /** It selects all, so that nobody joins a watch that was opened before. */
  const ofTry = () => `&labelSelector=try%21%3D${tries}`;
  /** Watches of both users, with the objects first and without, that share. */
  const watchAll = async (served: readonly string[]) => {
    const from = await current(served[0]);
    const opened: (Pair & { readonly of: string; readonly accept: string })[] = [];
    const targets = served.flatMap(of =>
      [false, true].map(
        initial =>
          [of, `${widgets.path(of)}?${queryOf({ initial, ...(!initial && { from }) }, '')}`] as const,
      ),
    );
    for (const [of, target] of targets) {
      for (const accept of [forms.json, forms.partial, forms.table]) {
        let pairs: Pair[] = [];
        // The API server answers 429 while its new cache is not ready.
        await eventually(`a shared watch of ${target}`, async () => {
          gateway.clock.pass(60_000);
          const { opened: before = 0, initial: first = 0 } = await gateway.joins();
          tries += 1;
          pairs = await Promise.all(users.map(user => gateway.both(user, target + ofTry(), { accept })));
          const { opened: after = 0, initial = 0 } = await gateway.joins();
          for (const { shared, direct } of pairs)
            assert.deepEqual([shared.status, direct.status], [200, 200]);
          return initial - first === 2 || after - before === 1;
        });
        opened.push(...pairs.map(pair => ({ ...pair, of, accept })));
      }
    }
    return opened;
  };
  const columns = ['Colour', 'Size'];
  const [v1, v2] = [version('v1', { columns }), version('v2', { columns: ['Size'] })];
  const stored = [
    version('v1', { columns, storage: false }),
    version('v2', { columns: ['Size'], storage: true }),
  ] as const;
  const pruned = stored.map((one, index) => ({
    ...one,
    schema: version('any', { fields: index === 0 ? ['colour'] : ['colour', 'size'] }).schema,
  }));
  const size = 'Name,Size';
  const all = { v1: 'Name,Colour,Size', v2: size };
  let count = 0;
  const both = ['v1', 'v2'];
  // The API server builds a new cache, for which the versions of shared watches are too old, unless their API is gone. A shared watch goes
  // on if a bookmark, which the old cache sends after a second, is as new as the new cache.
  const changed: readonly (readonly [
    string,
    Readonly<Record<string, string>>,
    string[],
    () => Promise<void>,
  ])[] = [
    ['other columns', { v1: 'Name,Age' }, ['v1'], () => widgets.define(v1)],
    ['a new version', { v1: all.v1 }, ['v1'], () => widgets.define(v1, v2)],
    ['another storage version', all, both, () => widgets.define(...stored)],
    ['a pruned field', all, both, () => widgets.define(...pruned)],
    ['a version less', all, ['v2'], () => widgets.define({ ...stored[0], served: false }, stored[1])],
    ['a deletion', { v2: size }, [], () => widgets.remove()],
    ['a new resource with the same name', { v1: all.v1 }, [], () => widgets.remove()],
  ];
  for (const [what, served, expiring, change] of changed) {
    if (what === 'a new resource with the same name') await widgets.define(v1);
    const watches = await watchAll(Object.keys(served));
    count += 1;
    await widgets.create(`before-${count}`, Object.keys(served)[0] as string);
    for (const { shared, direct, of, accept } of watches) {
      for (const watch of [shared, direct]) await watch.untilNamed(`before-${count}`);
      assert.equal(textOf(shared), textOf(direct), what);
      if (accept !== forms.table) continue;
      const [first, ...others] = columnsOf(shared);
      assert.deepEqual([first, columnsOf(direct)[0]], [served[of], served[of]], what);
      assert.ok(others.every(names => names === undefined));
    }
    await change();
    for (const { direct } of watches) assert.equal(await direct.ended, 'end', what);
    const [next] = expiring;
    if (next !== undefined) await widgets.create(`after-${count}`, next);
    for (const { shared, direct, of } of watches) {
      const isAfter = (text: string) => text.includes(`"name":"after-${count}"`);
      const goesOn = () => expiring.includes(of) && isAfter(changes(shared));
      await eventually(`${what}: an end`, () => shared.state() !== 'open' || goesOn());
      if (shared.state() === 'open') shared.close();
      else {
        assert.equal(shared.state(), 'end', what);
        const { type, object } = shared.events().at(-1) as JsonEvent;
        if (expiring.includes(of)) assert.deepEqual([type, object.code], ['ERROR', 410], what);
      }
      const text = textOf(shared)
        .split(/(?<=\n)/)
        .filter(line => !isAfter(line) && !/^\{"type":"ERROR".*"code":410\}\}\n$/.test(line))
        .join('');
      assert.ok(textOf(direct).startsWith(text), `${what}: ${textOf(direct)} and ${text}`);
    }
  }
  for (const { status } of Object.values(
    await gateway.both(users[0] as string, `${widgets.path('v1')}?watch=1`),
  ))
    assert.equal(status, 404);
});
