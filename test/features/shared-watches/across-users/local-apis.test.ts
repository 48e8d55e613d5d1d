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

/** When the API server answers. */
const now = Date.parse('2026-01-02T03:04:05Z');
const ago = (seconds: number) => new Date(now - 1_000 * seconds).toISOString();
const old = { creationTimestamp: ago(100), managedFields: [{ time: ago(100) }, { time: ago(60) }] };

/** An APIService, by default of an API that the API server has served itself for a minute. */
const service = (spec: object = {}, metadata: object = old) => ({ metadata, spec });
const remote = { service: { name: 'metrics', namespace: 'kube-system' } };

type Answer = readonly [status: number, body?: unknown];

/** What the API server says about its APIServices, as the test wants it. */
class Apis {
  readonly clock = new ManualClock(0);
  readonly pool = new FakePool();
  readonly #attached: { close(): void }[] = [];
  readonly #across = new AcrossUsers(this.clock);
  readonly #cluster: Cluster;

  constructor() {
    this.#cluster = this.open();
    assert.equal(this.pool.leases.length, 1, 'it is found out at once whether the proxy may ask');
  }

  /** Another cluster, which has the same API server. */
  open(): Cluster {
    const source = onlySource(accessTo(this.pool));
    const attach = (component: { close(): void }) => this.#attached.push(component);
    const cluster = { host: 'api:6443', current: undefined, ...source, attach } as unknown as Cluster;
    this.#across.apisOf(cluster);
    return cluster;
  }

  closeFirst(): void {
    this.#attached[0]?.close();
  }

  get warnings() {
    return this.#across.warnings();
  }

  /** What may be shared of a watch with this path and query. */
  of(target: string): LocalApi | undefined {
    const [path = '', query = ''] = target.split('?');
    return this.#across.apisOf(this.#cluster).of(parseRequestInfo('GET', path, query));
  }

  get latest(): FakeLease {
    return this.pool.leases.at(-1) ?? assert.fail();
  }

  async answer([status, body = {}]: Answer): Promise<void> {
    const { latest } = this;
    latest.head(status, ['Date', new Date(now).toUTCString()]);
    latest.body(JSON.stringify(body));
    latest.sink.end();
    await turn();
  }

  /** Whether the API is confirmed if the API server answers this. */
  async confirms(target: string, answer: Answer, how: keyof LocalApi = 'confirm'): Promise<boolean> {
    const api = this.of(target) ?? assert.fail(`${target} may be shared`);
    const asked = this.pool.leases.length;
    const confirmed = api[how]();
    await turn();
    assert.equal(this.pool.leases.length, asked + 1);
    await this.answer(answer);
    return confirmed;
  }
}

const pods = '/api/v1/pods?watch=1';
const things = '/apis/example.com/v1/things?watch=1';

describe('whether an API may be shared', () => {
  it('is asked by its APIService, which names another server or none', async () => {
    for (const [target, name] of [
      [pods, 'v1.'],
      [things, 'v1.example.com'],
    ] as const) {
      for (const yes of [service(), service({ service: null })]) {
        const apis = new Apis();
        assert.equal(await apis.confirms(target, [200, yes]), true);
        assert.equal(apis.latest.request.path, `/apis/apiregistration.k8s.io/v1/apiservices/${name}`);
      }
      for (const no of [[200, service(remote)], [200, {}], [404], [500], [200, 'garbage']] as const)
        assert.equal(await new Apis().confirms(target, no), false, JSON.stringify(no));
    }
  });

  it('is sure of one that is not built in when it was made, and last changed, a minute ago', async () => {
    for (const [metadata, isSettled] of [
      [old, true],
      [{ ...old, creationTimestamp: ago(59) }, false],
      [{ ...old, managedFields: [{ time: ago(59) }, { time: ago(100) }] }, false],
      [{ ...old, managedFields: [{ time: ago(100) }, {}] }, false],
      [{ creationTimestamp: ago(60) }, true],
      [{}, false],
      [undefined, false],
    ] as const) {
      const body = { spec: {}, metadata };
      assert.equal(await new Apis().confirms(things, [200, body]), isSettled, JSON.stringify(metadata));
      assert.equal(await new Apis().confirms(pods, [200, body]), true);
    }
  });

  it('is the list of those that are built in if the proxy may not get APIServices, and readyz warns', async () => {
    const apis = new Apis();
    await apis.answer([403]);
    for (const target of [
      pods,
      '/apis/apps/v1/deployments?watch=1',
      '/apis/batch/v1/namespaces/a/jobs?watch=1',
    ])
      assert.equal(await apis.confirms(target, [403, service()]), true);
    for (const target of [things, '/apis/apps/v7/deployments?watch=1', '/api/v2/pods?watch=1'])
      assert.equal(await apis.confirms(target, [403, service()]), false, target);
    assert.match(apis.warnings.join(), /^--share-watches-across-users: .* may not get APIServices [^,]*, so/);
    apis.open();
    await apis.answer([200, service()]);
    assert.equal(apis.warnings.length, 1);
    apis.closeFirst();
    assert.deepEqual(apis.warnings, []);
  });
});

it('a yes counts for 10 s for those who join, and for nobody who opens a watch', async () => {
  const apis = new Apis();
  assert.equal(await apis.confirms(things, [200, service()], 'isLocal'), true);
  apis.clock.advance(9_999);
  assert.equal(apis.of(things)?.isLocal(), true);
  assert.equal(await apis.confirms(things, [500]), false);
  apis.clock.advance(1);
  assert.equal(await apis.confirms(things, [200, service(remote)], 'isLocal'), false);
});

it('an API of another server is not shared for a minute, and without an answer nothing is remembered', async () => {
  const apis = new Apis();
  assert.equal(await apis.confirms(things, [500]), false);
  assert.equal(await apis.confirms(things, [200, service(remote)]), false);
  apis.clock.advance(59_999);
  assert.equal(apis.of(things), undefined);
  assert.notEqual(apis.of(pods), undefined);
  apis.clock.advance(1);
  assert.notEqual(apis.of(things), undefined);
});

it('Secrets, deprecated watches and unusual paths are never shared, whatever serves them', () => {
  const apis = new Apis();
  const secrets = '/api/v1/namespaces/a/secrets?watch=1';
  for (const target of [
    ...['/api/v1/secrets?watch=1', secrets, `${secrets}&fieldSelector=metadata.name=b`],
    ...['//api/v1/secrets?watch=1', '/api/v1//secrets?watch=1', '/api/v1/secrets;x?watch=1'],
    ...['/api/v1/watch/pods', '/api/v1/watch/namespaces/a/pods', '/apis/apps/v1/watch/deployments'],
    ...['/api/v1/namespaces//pods?watch=1', '/api/v1/pods%2e?watch=1', '/api/v1/po\\ds?watch=1'],
    ...['/apis/a%3fb/v1/things?watch=1', '/apis/a b/v1/things?watch=1', '/apis/a/V1/things?watch=1'],
    ...['/apis/a/..%2f..%2fb/things?watch=1', '/apis/./-/things?watch=1'],
  ])
    assert.equal(apis.of(target), undefined, target);
  assert.notEqual(apis.of('/apis/example.com/v1/secrets?watch=1'), undefined);
});
