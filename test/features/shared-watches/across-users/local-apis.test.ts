import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster } from '../../../../src/clusters/cluster.js';
import { AcrossUsers } from '../../../../src/features/shared-watches/across-users.js';
import type { LocalApi } from '../../../../src/features/shared-watches/watch-to-share.js';
import { parseRequestInfo } from '../../../../src/kubernetes/request-info.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { type FakeLease, FakePool } from '../../../support/transport/fake-pool.js';
import { accessTo, onlySource } from '../../../support/transport/upstream-requests.js';

type Service = 'local' | 'remote';

/** What the API server says about its APIServices, as the test wants it. */
class Apis {
  readonly clock = new ManualClock(0);
  readonly pool = new FakePool();
  readonly gone: LocalApi[] = [];
  readonly attached: { close(): void }[] = [];
  readonly #across = new AcrossUsers(this.clock);
  readonly #apis;
  #version = 1;

  constructor() {
    this.#apis = this.#across.apisOf(this.open());
    assert.equal(this.pool.leases.length, 1, 'the list of a cluster is read once');
    this.#apis.whenGone(api => this.gone.push(api));
  }

  /** Begins to follow another cluster, which has the same API server. */
  open(): Cluster {
    const source = onlySource(accessTo(this.pool));
    const attach = (component: { close(): void }) => this.attached.push(component);
    const cluster = { host: 'api:6443', current: undefined, ...source, attach } as unknown as Cluster;
    this.#across.apisOf(cluster);
    return cluster;
  }

  get warnings() {
    return this.#across.warnings();
  }

  /** What may be shared of a watch with this path and query. */
  of(target: string, method = 'GET'): LocalApi | undefined {
    const [path = '', query = ''] = target.split('?');
    return this.#apis.of(parseRequestInfo(method, path, query));
  }

  object(name: string, what: Service) {
    this.#version += 1;
    const service = what === 'remote' ? { service: { name: 'metrics', namespace: 'kube-system' } } : {};
    return { metadata: { name, uid: name, resourceVersion: String(this.#version) }, spec: { ...service } };
  }

  get latest(): FakeLease {
    return this.pool.leases.at(-1) ?? assert.fail();
  }

  async answer(status: number, body: unknown = {}): Promise<void> {
    const { latest } = this;
    latest.head(status);
    latest.body(JSON.stringify(body));
    latest.sink.end();
    await turn();
  }

  /** Answers the list, and opens its watch. Returns that watch. */
  async list(services: Readonly<Record<string, Service>>): Promise<FakeLease> {
    const items = Object.entries(services).map(([name, what]) => this.object(name, what));
    await this.answer(200, { metadata: { resourceVersion: '1' }, items });
    const watch = this.latest;
    watch.head(200);
    return watch;
  }

  /** Whether the API is confirmed if the API server answers this. */
  async confirms(target: string, answer?: readonly [status: number, body?: unknown]): Promise<boolean> {
    const api = this.of(target) ?? assert.fail(`${target} is shared`);
    const asked = this.pool.leases.length;
    const confirmed = api.confirm();
    if (answer === undefined) {
      assert.equal(this.pool.leases.length, asked, 'nobody is asked');
      return confirmed;
    }
    await turn();
    assert.equal(this.pool.leases.length, asked + 1);
    await this.answer(...answer);
    return confirmed;
  }
}

const pods = '/api/v1/pods?watch=1';
const things = '/apis/example.com/v1/things?watch=1';
const served = { 'v1.': 'local', 'v1.apps': 'local', 'v1.example.com': 'local' } as const;

describe('before and without APIServices', () => {
  for (const [what, status] of [
    ['a refusal', 403],
    ['an API server without them', 404],
    ['no answer', 0],
  ] as const) {
    it(`only built-in APIs are shared, and asked about unless the proxy may not (${what})`, async () => {
      const apis = new Apis();
      if (status !== 0) await apis.answer(status);
      const jobs = '/apis/batch/v1/namespaces/a/jobs?watch=1';
      for (const target of [pods, '/apis/apps/v1/deployments?watch=1', jobs]) {
        if (status === 403) assert.equal(await apis.confirms(target), true);
        else
          for (const is of ['local', 'remote'] as const)
            assert.equal(await apis.confirms(target, [200, apis.object('any', is)]), is === 'local');
      }
      for (const target of [
        things,
        '/apis/apps/v7/deployments?watch=1',
        '/apis/metrics.k8s.io/v1beta1/nodes?watch=1',
        '/api/v2/pods?watch=1',
      ])
        assert.equal(apis.of(target), undefined, target);
      assert.equal(apis.warnings.length, status === 403 ? 1 : 0);
      for (const text of apis.warnings) assert.match(text, /may not list and watch APIServices/);
    });
  }
});

describe('with APIServices', () => {
  it('of one cluster that the proxy may not read, the warning lasts until that cluster closes', async () => {
    const apis = new Apis();
    await apis.answer(403);
    const ofFirst = [...apis.attached];
    apis.open();
    await apis.list(served);
    assert.equal(apis.warnings.length, 1);
    for (const component of ofFirst) component.close();
    assert.deepEqual(apis.warnings, []);
  });

  it('an API that was shared before they were listed is gone if another server answers', async () => {
    const apis = new Apis();
    const api = apis.of(pods);
    await apis.list({ 'v1.': 'remote' });
    assert.deepEqual(apis.gone, [api]);
  });

  it('a built-in API is shared at once, one that is not built in after it has been local for a minute', async () => {
    const apis = new Apis();
    const watch = await apis.list(served);
    assert.notEqual(apis.of(pods), undefined);
    assert.equal(apis.of(things), undefined);
    apis.clock.advance(59_999);
    assert.equal(apis.of(things), undefined);
    apis.clock.advance(1);
    for (const target of [things, '/apis/example.com/v1/secrets?watch=1'])
      assert.notEqual(apis.of(target), undefined);
    watch.body(`${JSON.stringify({ type: 'MODIFIED', object: apis.object('v1.example.com', 'local') })}\n`);
    assert.equal(apis.of(things), undefined, 'nobody knows what it was before the change');
    apis.clock.advance(60_000);
    assert.notEqual(apis.of(things), undefined);
  });

  it('one that is not built in is not shared while nobody says whether it changes', async () => {
    const apis = new Apis();
    const watch = await apis.list(served);
    apis.clock.advance(60_000);
    watch.sink.error(new Error('broken'));
    assert.equal(apis.of(things), undefined);
    assert.notEqual(apis.of(pods), undefined);
  });

  it('an API of another server is not shared, a built-in one included, nor one without an APIService', async () => {
    const apis = new Apis();
    await apis.list({ 'v1.': 'remote', 'v1.example.com': 'remote' });
    apis.clock.advance(60_000);
    for (const target of [pods, things, '/apis/apps/v1/deployments?watch=1'])
      assert.equal(apis.of(target), undefined, target);
  });

  it('its APIService is read again after the head of a watch', async () => {
    const apis = new Apis();
    await apis.list(served);
    apis.clock.advance(60_000);
    for (const target of [pods, things]) {
      assert.equal(await apis.confirms(target, [200, apis.object('any', 'local')]), true);
      assert.equal(
        apis.latest.request.path,
        `/apis/apiregistration.k8s.io/v1/apiservices/v1.${target === pods ? '' : 'example.com'}`,
      );
      assert.equal(
        await apis.confirms(target, [200, { ...apis.object('any', 'local'), spec: { service: null } }]),
        true,
      );
      for (const answer of [
        [200, apis.object('any', 'remote')],
        [200, {}],
        [404],
        [500],
        [200, 'garbage'],
        [403, apis.object('any', 'local')],
      ] as const)
        assert.equal(await apis.confirms(target, answer), false, JSON.stringify(answer));
    }
  });

  for (const [what, event] of [
    ['another server takes it over', 'MODIFIED'],
    ['it is deleted', 'DELETED'],
  ] as const) {
    it(`an API is gone when ${what}`, async () => {
      const apis = new Apis();
      const watch = await apis.list(served);
      apis.clock.advance(60_000);
      const api = apis.of(things);
      const tell = (name: string, type: string, is: Service) =>
        watch.body(`${JSON.stringify({ type, object: apis.object(name, is) })}\n`);
      tell('v1.apps', event, 'remote');
      assert.deepEqual(apis.gone, [], 'nobody shares a watch of it');
      tell('v1.example.com', event, event === 'MODIFIED' ? 'remote' : 'local');
      assert.deepEqual(apis.gone, [api]);
      assert.equal(apis.of(things), undefined);
      tell('v1.example.com', 'MODIFIED', 'local');
      apis.clock.advance(60_000);
      assert.equal(apis.of(things), api);
      assert.deepEqual(apis.gone, [api]);
    });
  }
});

it('Secrets, deprecated watches and unusual paths are never shared, whatever serves them', async () => {
  const secrets = '/api/v1/namespaces/a/secrets?watch=1';
  for (const target of [
    ...['/api/v1/secrets?watch=1', secrets, `${secrets}&fieldSelector=metadata.name=b`],
    ...['//api/v1/secrets?watch=1', '/api/v1//secrets?watch=1', '/api/v1/secrets;x?watch=1'],
    ...['/api/v1/watch/pods', '/api/v1/watch/namespaces/a/pods', '/apis/apps/v1/watch/deployments'],
    ...['/api/v1/namespaces//pods?watch=1', '/api/v1/pods%2e?watch=1', '/api/v1/po\\ds?watch=1'],
  ]) {
    const apis = new Apis();
    assert.equal(apis.of(target), undefined, target);
    await apis.list(served);
    assert.equal(apis.of(target), undefined, target);
  }
});
