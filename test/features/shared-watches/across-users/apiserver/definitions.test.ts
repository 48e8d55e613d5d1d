import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { JsonEvent, WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually } from '../../../../support/eventually.js';
import type { ApiServer } from '../../../../support/kube-apiserver/api-server.js';
import { apiServerTest } from '../../../../support/kube-apiserver/api-server-test.js';
import {
  bind,
  changes,
  type Pair,
  startSharingGateway,
} from '../../../../support/kube-apiserver/sharing-gateway.js';
import { forms, queryOf } from '../../../../support/proxy/watched-namespace.js';
import { version, Widgets } from '../../apiserver/widgets.js';

/** Two users of a gateway who may watch a custom resource. */
async function start(t: TestContext, server: ApiServer) {
  const namespace = await server.createNamespace();
  const widgets = new Widgets(server, namespace);
  const rule = { apiGroups: [widgets.group], resources: ['widgets'], verbs: ['watch'] };
  const users = [`ann-${widgets.group}`, `bob-${widgets.group}`];
  for (const user of users) await bind(server, namespace, user, [rule]);
  await widgets.define(version('v1'));
  const gateway = await startSharingGateway(t, server, users);
  const current = async () => {
    const list = await server.admin.do('GET', widgets.path('v1'));
    return (list as JsonEvent['object']).metadata.resourceVersion;
  };
  return { widgets, users, gateway, current };
}

apiServerTest(
  'watches of a custom resource are shared once its API has been local for a minute, and end when another server takes it over',
  async (t, server) => {
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
  },
);

apiServerTest(
  'watches of a custom resource end with each change of its definition as direct ones do, and the next ones give the same, byte for byte',
  async (t, server) => {
    const { widgets, users, gateway, current } = await start(t, server);
    /** Watches of both users, with the objects first and without, that share. */
    const watchAll = async (served: readonly string[]) => {
      const from = await current();
      const opened: Pair[] = [];
      const targets = served.flatMap(of =>
        [false, true].map(
          initial => `${widgets.path(of)}?${queryOf({ initial, ...(!initial && { from }) }, '')}`,
        ),
      );
      for (const target of targets) {
        for (const accept of [forms.json, forms.partial]) {
          let pairs: Pair[] = [];
          await eventually(`a shared watch of ${target}`, async () => {
            gateway.clock.pass(60_000);
            const { opened: before = 0, initial: first = 0 } = await gateway.joins();
            pairs = await Promise.all(users.map(user => gateway.both(user, target, { accept })));
            const { opened: after = 0, initial = 0 } = await gateway.joins();
            assert.deepEqual(
              pairs.flatMap(({ shared, direct }) => [shared.status, direct.status]),
              [200, 200, 200, 200],
            );
            return initial - first === 2 || after - before === 1;
          });
          opened.push(...pairs);
        }
      }
      return opened;
    };
    const [v1, v2] = [version('v1'), version('v2')];
    const stored = [version('v1', { storage: false }), version('v2', { storage: true })];
    const pruned = stored.map((one, index) => ({
      ...one,
      schema: version('any', { fields: index === 0 ? ['colour'] : ['colour', 'size'] }).schema,
    }));
    let names = 0;
    for (const [what, served, change] of [
      ['a new version', ['v1'], () => widgets.define(v1, v2)],
      ['another storage version', ['v1', 'v2'], () => widgets.define(...stored)],
      ['a pruned field', ['v1', 'v2'], () => widgets.define(...pruned)],
      ['a deletion', ['v1', 'v2'], () => widgets.remove()],
      ['a new resource with the same name', ['v1'], () => widgets.remove()],
    ] as const) {
      if (what === 'a new resource with the same name') await widgets.define(v1);
      const pairs = await watchAll(served);
      names += 1;
      await widgets.create(`before-${names}`, 'v1');
      for (const { shared, direct } of pairs) {
        for (const watch of [shared, direct]) await watch.untilNamed(`before-${names}`);
        assert.equal(changes(shared), changes(direct), what);
      }
      await change();
      for (const { shared, direct } of pairs) {
        assert.deepEqual([await direct.ended, await shared.ended], ['end', 'end'], what);
        // The API server builds a new cache, for which the version of a shared watch is too old.
        const text = changes(shared).replace(/\{"type":"ERROR".*"code":410\}\}\n$/, '');
        assert.ok(changes(direct).startsWith(text), `${what}: ${changes(direct)} and ${text}`);
      }
    }
  },
);
