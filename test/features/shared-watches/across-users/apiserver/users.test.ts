import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../../../../src/lib/clock.js';
import { type JsonEvent, openWatch, type WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually, eventuallyPasses } from '../../../../support/eventually.js';
import type { ApiServer } from '../../../../support/kube-apiserver/api-server.js';
import { apiServerTest } from '../../../../support/kube-apiserver/api-server-test.js';
import { RestartableServer } from '../../../../support/kube-apiserver/restartable-server.js';
import { startGateway } from '../../../../support/proxy/gateway.js';
import { startInProcess } from '../../../../support/proxy/in-process.js';
import { forms, queryOf } from '../../../../support/proxy/watched-namespace.js';
import { createRandom } from '../../../../support/random.js';
import { patientClock } from '../../apiserver/patient-clock.js';

const rbac = 'rbac.authorization.k8s.io';
const tokenOf = (user: string) => `token-of-${user}`;

/** A clock that a test sets forward, for what counts as settled. */
class ForwardClock implements Clock {
  #passed = 0;
  readonly now = () => systemClock.now() + this.#passed;
  readonly monotonic = () => systemClock.monotonic() + this.#passed;
  readonly schedule = patientClock.schedule;

  pass(milliseconds: number): void {
    this.#passed += milliseconds;
  }
}

/** A gateway to a real API server, and the same watches at the API server itself, as the same users. */
async function start(t: TestContext, server: ApiServer, users: readonly string[]) {
  const clock = new ForwardClock();
  const { certificate: cert, key } = await server.authority.client({});
  const gateway = await startGateway(t, {
    server: { url: server.url, authority: server.authority, proxyUser: await proxyUser(server) } as never,
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    tokenFile: users.map(user => `${tokenOf(user)},${user},,\n`).join(''),
    args: ['--share-watches', '--share-watches-across-users'],
  });
  const opened: WatchClient[] = [];
  t.after(() => {
    for (const watch of opened) watch.close();
  });
  const follow = async (opening: Promise<WatchClient>) => {
    const watch = await opening;
    opened.push(watch);
    return watch;
  };
  return {
    clock,
    ...gateway,
    shared: (user: string, target: string, accept: string) =>
      follow(
        openWatch(gateway.proxy.url + target, {
          headers: { Accept: accept, Authorization: `Bearer ${tokenOf(user)}` },
        }),
      ),
    direct: (user: string, target: string, accept: string) =>
      follow(
        openWatch(server.url + target, {
          headers: { Accept: accept, 'Impersonate-User': user, 'Impersonate-Group': 'system:authenticated' },
          ...{ ca: server.authority.certificate, cert, key },
        }),
      ),
    /** How clients came to their watches. */
    joins: async () => {
      const headers = { Authorization: `Bearer ${tokenOf(users[0] as string)}` };
      const text = await (await fetch(`${gateway.proxy.url}/-/metrics`, { headers })).text();
      return Object.fromEntries(
        [...text.matchAll(/^kube_api_proxy_shared_watch_joins_total\{how="(\w+)"\} (\d+)$/gm)].map(
          ([, how, count]) => [how, Number(count)],
        ),
      );
    },
  };
}

async function proxyUser(server: ApiServer) {
  const { certificate, key } = await server.authority.client({});
  return {
    'client-certificate-data': Buffer.from(certificate).toString('base64'),
    'client-key-data': Buffer.from(key).toString('base64'),
  };
}

/** Binds a user to rules in one namespace. Returns the name of the RoleBinding. */
async function bind(
  server: ApiServer,
  namespace: string,
  user: string,
  rules: readonly object[],
): Promise<string> {
  const name = `test-${randomUUID()}`;
  const path = `/apis/${rbac}/v1/namespaces/${namespace}`;
  await server.admin.do('POST', `${path}/roles`, { metadata: { name }, rules });
  await server.admin.do('POST', `${path}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'Role', name },
    subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
  });
  return name;
}

async function create(server: ApiServer, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const labels = { app: name.endsWith('1') ? 'one' : 'other' };
  const { metadata } = (await server.admin.do('POST', path, { metadata: { name, labels } })) as {
    readonly metadata: { readonly resourceVersion: string };
  };
  return metadata.resourceVersion;
}

const names = ['a1', 'b2', 'c1'];

/** The events byte for byte, but for bookmarks, whose versions depend on the moment. */
function changes(watch: WatchClient): string {
  const frames = watch.frames().map(frame => frame.toString('latin1'));
  return frames
    .map(frame => (frame.includes('initial-events-end') ? 'END' : frame))
    .filter(frame => !frame.includes('BOOKMARK'))
    .join('');
}

apiServerTest(
  '60 users with generated rights get what watches of their own give them, byte for byte',
  async (t, server) => {
    const random = createRandom(50);
    const users = Array.from({ length: 60 }, (_, index) => `user-${index}-${randomUUID().slice(0, 8)}`);
    const namespace = await server.createNamespace();
    const configMaps = { apiGroups: [''], resources: ['configmaps'] };
    for (const user of users) {
      const verbs = random.pick([['list', 'watch'], ['watch'], ['watch', 'list', 'get'], ['list']]);
      const kind = random.below(4);
      if (kind === 0) await server.grant(user, [{ ...configMaps, verbs }]);
      else if (kind === 1) await bind(server, namespace, user, [{ ...configMaps, verbs }]);
      else if (kind === 2)
        await bind(server, namespace, user, [{ ...configMaps, verbs, resourceNames: [random.pick(names)] }]);
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
      const some = asked.slice(index, index + 10).map(async one => ({
        ...one,
        shared: await gateway.shared(one.user, one.target, one.accept),
        direct: await gateway.direct(one.user, one.target, one.accept),
      }));
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
    const { opened = 0, ring = 0, initial = 0, refused = 0 } = await gateway.joins();
    t.diagnostic(JSON.stringify({ counts, joins: await gateway.joins() }));
    assert.ok(counts.allowed > 20 && counts.refused > 20, JSON.stringify(counts));
    assert.equal(opened + ring + initial, counts.allowed);
    assert.equal(refused, counts.refused);
    assert.ok(ring > opened, 'most watches are shared');
  },
);

apiServerTest(
  'after a restart and a compaction those with the right go on or get a 410, and those without it end, as with watches of their own',
  async (t, run) => {
    const own = await RestartableServer.start(t, run);
    const users = ['ann', 'bob', 'eve'];
    const [namespace, other] = [await own.server.createNamespace(), await own.server.createNamespace()];
    const rule = { apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] };
    const bindings = new Map<string, string>();
    for (const user of users) {
      bindings.set(user, await bind(own.server, namespace, user, [rule]));
      await bind(own.server, other, user, [rule]);
    }
    const gateway = await start(t, own.server, users);
    const old = await create(own.server, other, 'first');
    const from = await create(own.server, namespace, 'first');
    const target = (of: string, version: string) =>
      `/api/v1/namespaces/${of}/configmaps?watch=1&resourceVersion=${version}`;
    const open = (of: string, version: string) =>
      Promise.all(users.map(user => gateway.shared(user, target(of, version), forms.json)));
    const [ann, bob, eve] = (await open(namespace, from)) as [WatchClient, WatchClient, WatchClient];
    const expiring = await open(other, old);
    const { opened, ring } = await gateway.joins();
    assert.deepEqual([opened, ring], [2, 4]);
    const path = `/apis/${rbac}/v1/namespaces/${namespace}/rolebindings`;
    for (const user of ['ann', 'eve']) await own.server.admin.do('DELETE', `${path}/${bindings.get(user)}`);
    gateway.clock.pass(10_000);
    const current = await create(own.server, namespace, 'second');
    for (const watch of [ann, bob, eve]) await watch.untilNamed('second');
    await own.kill();
    await own.compact(current);
    await own.restart();
    for (const watch of [ann, eve]) assert.equal(await watch.ended, 'end');
    for (const watch of expiring) {
      assert.equal(await watch.ended, 'end');
      assert.equal(watch.events().at(-1)?.object.code, 410);
    }
    await create(own.server, namespace, 'third');
    await bob.untilNamed('third');
    for (const [watch, count] of [
      [ann, 1],
      [bob, 2],
      [eve, 1],
    ] as const)
      assert.equal(watch.frames().length, count);
    const again = await gateway.shared('ann', target(namespace, current), forms.json);
    assert.equal(again.status, 403);
    await again.ended;
    assert.match(again.bytes().toString(), /User \\"ann\\" cannot watch resource/);
  },
);

apiServerTest(
  'watches of a custom resource are shared once its API has been local for a minute, and end when another server takes it over',
  async (t, server) => {
    const group = `${randomUUID()}.example.com`;
    const users = [`ann-${group}`, `bob-${group}`];
    const namespace = await server.createNamespace();
    for (const user of users)
      await bind(server, namespace, user, [{ apiGroups: [group], resources: ['things'], verbs: ['watch'] }]);
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await server.admin.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `things.${group}` },
      spec: {
        ...{ group, scope: 'Namespaced', names: { plural: 'things', singular: 'thing', kind: 'Thing' } },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const path = `/apis/${group}/v1/namespaces/${namespace}/things`;
    let version = '';
    await eventually('the resource', async () => {
      const { status, body } = await server.admin.ask('GET', path);
      if (status === 200) version = (body as JsonEvent['object']).metadata.resourceVersion;
      return status === 200;
    });
    const gateway = await start(t, server, users);
    const target = `${path}?watch=1&resourceVersion=${version}`;
    const openBoth = async () => {
      const watches = [];
      for (const user of users) watches.push(await gateway.shared(user, target, forms.json));
      for (const { status } of watches) assert.equal(status, 200);
      return watches;
    };
    await openBoth();
    assert.equal((await gateway.joins())['opened'], 2, 'each has one of its own');
    let shared: WatchClient[] = [];
    await eventually('a shared watch', async () => {
      gateway.clock.pass(60_000);
      shared = await openBoth();
      return ((await gateway.joins())['ring'] ?? 0) > 0;
    });
    await server.admin.do('POST', path, {
      apiVersion: `${group}/v1`,
      kind: 'Thing',
      metadata: { name: 'one' },
    });
    for (const watch of shared) await watch.untilNamed('one');
    await server.admin.do('PATCH', `/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`, {
      metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': null } },
      spec: { service: { name: 'nobody', namespace: 'default', port: 443 }, insecureSkipTLSVerify: true },
    });
    for (const watch of shared) assert.equal(await watch.ended, 'end');
    const { ring } = await gateway.joins();
    gateway.clock.pass(60_000);
    for (const user of users) await gateway.shared(user, `${target}&labelSelector=a%3Db`, forms.json);
    assert.equal((await gateway.joins())['ring'], ring, 'nobody joins another one');
    await server.admin.do('DELETE', `/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`);
  },
);
