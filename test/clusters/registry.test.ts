import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cluster, ConfigurationError, type FollowEndpoint } from '../../src/clusters/cluster.js';
import type { Endpoint } from '../../src/clusters/endpoint.js';
import { type AddedCluster, ClusterRegistry } from '../../src/clusters/registry.js';
import type { CredentialSource } from '../../src/credentials/credential.js';
import type { ContextSummary } from '../../src/kubeconfig/followed-kubeconfig.js';
import { endpointWith } from '../support/proxy/client-request.js';

const ignore = () => {};

const source: CredentialSource = {
  name: 'static',
  isLasting: true,
  get: () => ({}),
  refused: async () => undefined,
  close: ignore,
};
const endpointOf = (context: string): Endpoint => endpointWith({}, { context, source });

function createCluster(name: string, follow: FollowEndpoint): Cluster {
  return new Cluster(name, follow, {
    ...{ keepAlive: 0, http2: true },
    ...{ onConnect: ignore, onCertificate: ignore, metricsOf: cluster => ({ cluster }) as never },
  });
}

describe('a cluster', () => {
  it('reads its configuration when it is first used, once for all waiting requests, and follows it until it is closed', async () => {
    let reads = 0;
    let use: (endpoint: Endpoint) => void = ignore;
    let closed = 0;
    const cluster = createCluster('dev', async given => {
      reads += 1;
      use = given;
      use(endpointOf('dev'));
      return { close: () => (closed += 1) };
    });
    assert.deepEqual([cluster.endpoint, cluster.name, reads], [undefined, 'dev', 0]);
    const [access, endpoint] = await Promise.all([cluster.access(), cluster.open()]);
    assert.equal(reads, 1);
    assert.equal(access.endpoint, endpoint.identity);
    const next = endpointOf('dev');
    use(next);
    assert.equal(cluster.endpoint, next);
    cluster.close();
    assert.equal(closed, 1);
  });

  it('has the metrics of its name, which changes with its context', () => {
    const cluster = createCluster('', async () => ({ close: ignore }));
    const seen = ['dev', 'prod', 'dev'].map(context => {
      cluster.replace(endpointOf(context));
      return cluster.metrics;
    });
    assert.deepEqual(seen, [{ cluster: 'dev' }, { cluster: 'prod' }, { cluster: 'dev' }]);
  });

  it('reports why its configuration cannot be used, reads it again after a second, and recovers', async t => {
    t.mock.timers.enable({ apis: ['Date'] });
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    let reads = 0;
    const cluster = createCluster('dev', async use => {
      reads += 1;
      if (reads < 3) throw new ConfigurationError(['client-key /x: no such file']);
      use(endpointOf('dev'));
      return { close: ignore };
    });
    const message = 'context "dev" cannot be used: client-key /x: no such file';
    await assert.rejects(cluster.open(), { code: 503, message, retryAfterSeconds: undefined });
    await assert.rejects(async () => cluster.access(), { code: 503, message });
    assert.equal(reads, 1);
    assert.equal(cluster.failure?.message, message);
    now += 1_001;
    await assert.rejects(cluster.open(), { message });
    now += 1_001;
    await cluster.open();
    assert.deepEqual([reads, cluster.failure], [3, undefined]);
  });
});

describe('the registry of clusters', () => {
  const summary = (name: string): ContextSummary => ({
    name,
    cluster: '',
    user: '',
    namespace: '',
    server: '',
  });

  function createRegistry(serves = (_name: string) => true) {
    const made: string[] = [];
    const closed: string[] = [];
    const registry = new ClusterRegistry({
      create(name) {
        made.push(name);
        return createCluster(name, async use => {
          use(endpointOf(name));
          return { close: () => closed.push(name) };
        });
      },
      serves,
    });
    const update = (...names: string[]) => registry.update(names.map(summary));
    const added = (name: string, displaced: AddedCluster['displaced'] = ignore): AddedCluster => ({
      ...{ ...summary(name), isAdded: true, problem: undefined, isUsable: true, displaced },
      follow: () => assert.fail('it is made elsewhere'),
    });
    return { registry, made, closed, update, added };
  }

  it('makes a cluster when it is first asked for, and does not open it', () => {
    const { registry, made, update } = createRegistry();
    assert.deepEqual(made, ['']);
    update('dev', 'prod');
    assert.deepEqual(made, ['']);
    const dev = registry.get('dev');
    assert.equal(registry.get('dev'), dev);
    assert.equal(registry.get('staging'), undefined);
    assert.deepEqual(made, ['', 'dev']);
    assert.equal(dev?.endpoint, undefined);
    assert.deepEqual(
      registry.used.map(({ name }) => name),
      ['', 'dev'],
    );
  });

  it('has one cluster for both the current context and /', async () => {
    const { registry, made, closed, update } = createRegistry();
    update('dev', 'prod');
    registry.default.replace(endpointOf('prod'));
    assert.equal(registry.get('prod'), registry.default);
    // If the kubeconfig makes dev the current context, / stays prod until dev's files can be read.
    assert.notEqual(registry.get('dev'), registry.default);
    await registry.get('dev')?.open();
    // The current context changes to one that was already in use.
    registry.default.replace(endpointOf('dev'));
    assert.equal(registry.get('dev'), registry.default);
    assert.notEqual(registry.get('prod'), registry.default);
    assert.equal(registry.used.length, 2);
    assert.deepEqual([made, closed], [['', 'dev', 'prod'], ['dev']]);
  });

  it('closes clusters whose context is gone, and accepts new contexts', async () => {
    const { registry, closed, update } = createRegistry();
    update('dev', 'prod');
    await registry.get('dev')?.open();
    update('prod', 'new');
    assert.deepEqual(closed, ['dev']);
    assert.equal(registry.get('dev'), undefined);
    assert.ok(registry.get('new'));
    const { names } = registry;
    update('prod', 'new');
    assert.equal(registry.names, names);
  });

  it('serves what a feature adds until that removes it, made when it is first asked for', async () => {
    const { registry, made, closed, update, added } = createRegistry(() => false);
    update('dev');
    assert.equal(registry.add(added('fleet.a')), true);
    assert.equal(registry.add(added('fleet.b')), true);
    assert.deepEqual([...registry.names], ['fleet.a', 'fleet.b']);
    assert.deepEqual(
      registry.contexts.map(({ name }) => name),
      ['dev', 'fleet.a', 'fleet.b'],
    );
    await registry.get('fleet.a')?.open();
    assert.deepEqual(made, ['', 'fleet.a']);
    update('dev', 'prod');
    assert.deepEqual([...registry.names], ['fleet.a', 'fleet.b']);
    registry.remove('fleet.a');
    assert.deepEqual([registry.get('fleet.a'), closed], [undefined, ['fleet.a']]);
    assert.deepEqual([...registry.names], ['fleet.b']);
  });

  it('gives the name of a context to nothing that a feature adds, even when the context is gone or is not served', async () => {
    const { registry, closed, update, added } = createRegistry(name => name !== 'hidden');
    update('hidden', 'old');
    for (const name of ['hidden', 'old']) assert.equal(registry.add(added(name)), false);
    update('hidden');
    assert.equal(registry.add(added('old')), false);
    const displaced: (Cluster | undefined)[] = [];
    registry.add(added('fleet.a', used => displaced.push(used)));
    const before = registry.get('fleet.a');
    await before?.open();
    update('hidden', 'fleet.a');
    assert.deepEqual(displaced, [before]);
    assert.deepEqual(closed, ['fleet.a']);
    assert.notEqual(registry.get('fleet.a'), before);
    assert.equal(registry.added('fleet.a'), undefined);
    registry.remove('fleet.a');
    assert.deepEqual([...registry.names], ['fleet.a']);
  });

  it('serves only the selected contexts', () => {
    const { registry, update } = createRegistry(name => name.startsWith('dev'));
    update('dev-1', 'prod', 'dev-2');
    assert.deepEqual([...registry.names], ['dev-1', 'dev-2']);
    assert.equal(registry.get('prod'), undefined);
  });
});
