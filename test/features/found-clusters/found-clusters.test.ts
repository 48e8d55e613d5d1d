import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Cluster } from '../../../src/clusters/cluster.js';
import type { AddedCluster } from '../../../src/clusters/registry.js';
import { clusterApi } from '../../../src/features/found-clusters/cluster-api.js';
import { FoundClusters } from '../../../src/features/found-clusters/found-clusters.js';
import { regexpList } from '../../../src/guard/regexp-list.js';
import type { JsonObject } from '../../../src/lib/json.js';
import { Deferred } from '../../../src/lib/promises.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventually } from '../../support/eventually.js';
import { kubeconfigOf, secretOf } from '../../support/found-clusters/found-objects.js';
import { ManualClock } from '../../support/manual-clock.js';
import { parsedValue } from '../../support/option-value.js';
import { type Answer, answeringPool } from '../../support/transport/answering-pool.js';
import { accessTo, onlySource } from '../../support/transport/upstream-requests.js';

const { certificate: ca } = await createCertificateAuthority();
const path = '/api/v1/namespaces/fleet/secrets';

describe('clusters that are found', () => {
  let clock: ManualClock;
  let secrets: Map<string, JsonObject & { readonly metadata: { readonly resourceVersion: string } }>;
  let version: number;
  let asked: { readonly path: string; readonly accept: string }[];
  let refusal: Answer;
  /** What the reading of an object waits for. */
  let held: Promise<void> | undefined;
  let served: Map<string, AddedCluster>;
  let taken: Set<string>;
  let ended: string[];
  let logged: string[];
  let forgotten: string[];
  let destroyed: string[];
  let found: FoundClusters;
  beforeEach(() => {
    destroyed = [];
    [clock, secrets, version, asked, refusal] = [new ManualClock(0), new Map(), 1, [], undefined];
    [served, taken, ended, logged, forgotten] = [new Map(), new Set(), [], [], []];
    held = undefined;
    const pool = answeringPool(async ({ path: target, headers }) => {
      asked.push({ path: target, accept: headers[headers.indexOf('Accept') + 1] as string });
      const [, name] = /secrets\/([^?]*)$/.exec(target) ?? [];
      if (name !== undefined) await held;
      if (name !== undefined) return refusal ?? { status: 200, body: secrets.get(name) ?? {} };
      // A watch ends at once, without an event.
      if (target.includes('watch=true')) return { status: 410, body: '' };
      const items = [...secrets.values()].map(({ metadata }) => ({ metadata }));
      return { status: 200, body: { metadata: { resourceVersion: String(version) }, items } };
    });
    const log = (fields: object, message: string) =>
      logged.push(`${(fields as { readonly cluster: string }).cluster}: ${message}`);
    found = new FoundClusters({
      cluster: {
        ...{ host: 'api:6443', current: undefined, attach: () => {} },
        ...onlySource(accessTo(pool)),
      } as unknown as Cluster,
      registry: {
        add(cluster) {
          if (taken.has(cluster.name)) return false;
          served.set(cluster.name, cluster);
          return true;
        },
        remove(name) {
          const used = { destroy: () => destroyed.push(name) };
          return served.delete(name) ? (used as unknown as Cluster) : undefined;
        },
      },
      streams: { end: name => ended.push(name) },
      serves: name => name !== 'fleet.hidden',
      servers: { hosts: parsedValue(regexpList, ''), listeners: () => [] },
      env: {},
      logger: { info: log as never, warn: log as never },
      clock,
      samples: { drop: async name => void forgotten.push(name) },
    });
  });
  const put = (cluster: string, { uid = cluster, value = '', purpose = 'kubeconfig' } = {}) => {
    version += 1;
    const url = `https://${cluster}.example`;
    const content = value || kubeconfigOf(cluster, { url, ca, user: { token: 'secret' } });
    const secret = secretOf(cluster, content, purpose);
    const metadata = { ...secret.metadata, namespace: 'fleet', uid, resourceVersion: String(version) };
    secrets.set(metadata.name, { ...secret, metadata });
  };
  const follow = () => found.follow({ kind: clusterApi, namespace: 'fleet' });
  const list = async () => {
    clock.advance(60_000);
    const before = asked.length;
    await eventually('it is listed', () =>
      asked.slice(before).some(request => request.path.includes('watch=true')),
    );
  };
  const names = () => [...served.keys()];
  const isUsable = (name: string) => served.get(name)?.isUsable === true;

  it('are asked for as metadata, and no Secret but those of kubeconfigs is read, by its name', async () => {
    for (const purpose of ['kubeconfig', 'ca', 'etcd', 'sa', 'proxy']) put('east', { purpose });
    put('hidden');
    follow();
    await eventually('east is usable', () => isUsable('fleet.east'));
    const selectors =
      'fieldSelector=type%3Dcluster.x-k8s.io%2Fsecret&labelSelector=cluster.x-k8s.io%2Fcluster-name&';
    const metadata = (list: string) => `application/json;as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1`;
    const targets = asked.map(request => request.path.replace(/(?:limit=|watch=true).*/, ''));
    assert.deepEqual(
      targets.filter(target => target !== `${path}?${selectors}`),
      [`${path}/east-kubeconfig`],
    );
    assert.deepEqual([...new Set(asked.map(({ accept }) => accept))].sort(), [
      'application/json',
      metadata(''),
      metadata('List'),
    ]);
    assert.deepEqual(
      [names(), logged],
      [['fleet.east'], ['fleet.east: a cluster was found, or its object has changed']],
    );
  });

  it('end when their object is gone, and their name goes to no other object, nor to a context', async () => {
    put('east');
    put('west');
    taken.add('fleet.west');
    follow();
    await eventually('east is usable', () => isUsable('fleet.east') && found.counts.unusable === 1);
    put('east', { uid: 'another' });
    await list();
    assert.deepEqual([names(), ended], [[], ['fleet.west', 'fleet.east']]);
    const [warning, ...more] = found.warnings().filter(({ text }) => text.startsWith('2 of'));
    assert.deepEqual(more, []);
    assert.match(
      String(warning?.forCallers),
      /fleet.west: a context of the kubeconfig has.*; fleet.east: another object has had its name/,
    );
    assert.doesNotMatch(String(warning?.text), /fleet/);
    // The first object is there again, such as from a backup.
    put('east');
    await list();
    await eventually('east is usable', () => isUsable('fleet.east'));
    assert.equal(found.counts.unusable, 1);
    clock.advance(10_000);
    assert.deepEqual(destroyed, ['fleet.east']);
    const east = served.get('fleet.east');
    served.delete('fleet.east');
    east?.displaced({ destroy: () => destroyed.push('displaced') } as unknown as Cluster);
    assert.equal(ended.at(-1), 'fleet.east');
    clock.advance(10_000);
    assert.deepEqual(destroyed, ['fleet.east', 'displaced']);
  });

  it('that are gone lose their connections after ten seconds, and their samples after ten minutes', async () => {
    put('east');
    follow();
    await eventually('east is served', () => served.has('fleet.east'));
    secrets.clear();
    await list();
    assert.deepEqual([names(), ended], [[], ['fleet.east']]);
    clock.advance(10_000);
    assert.deepEqual([destroyed, forgotten], [['fleet.east'], []]);
    clock.advance(600_000);
    assert.deepEqual(forgotten, ['fleet.east']);
  });

  it('are a count and five names in readyz if fifty of them are broken; each is logged once', async () => {
    for (let index = 0; index < 50; index += 1) put(`c${index}`, { value: 'kind: nothing' });
    put('good');
    follow();
    await eventually('all are read', () => isUsable('fleet.good') && found.counts.unusable === 50);
    assert.deepEqual(found.counts, { usable: 1, outdated: 0, unusable: 50 });
    const [warning] = found.warnings().filter(({ text }) => text.startsWith('50 of'));
    assert.equal(String(warning?.forCallers).match(/fleet\.c\d+: /g)?.length, 5);
    assert.match(String(warning?.forCallers), /; and 45 more$/);
    put('c1', { value: 'kind: nothing' });
    await list();
    assert.equal(logged.length, 51);
    put('c1');
    await list();
    await eventually('c1 is usable', () => found.counts.unusable === 49);
    assert.deepEqual(logged.slice(51), ['fleet.c1: a cluster was found, or its object has changed']);
  });

  it('are served as soon as they are listed, and what asks for one first waits until its object is read', async () => {
    put('east');
    const reading = new Deferred();
    held = reading.promise;
    follow();
    await eventually('it is served', () => served.has('fleet.east'));
    const hosts: string[] = [];
    const events = { expires() {}, refreshed() {}, log: {} } as never;
    const followed = served
      .get('fleet.east')
      ?.follow(({ config }) => hosts.push(config.server.hostname), events);
    assert.equal(isUsable('fleet.east'), false);
    reading.resolve();
    (await followed)?.close();
    assert.deepEqual(hosts, ['east.example']);
  });

  it('may be out of date while the API server does not let the gateway read an object, which it tries again', async () => {
    put('east');
    refusal = { status: 403, body: '' };
    follow();
    await eventually('readyz says it', () =>
      found
        .warnings()
        .some(({ forCallers }) => forCallers?.includes(`403 to a GET of ${path}/east-kubeconfig`)),
    );
    assert.deepEqual([found.isSynced, names(), isUsable('fleet.east')], [false, ['fleet.east'], false]);
    refusal = undefined;
    clock.advance(2_000);
    await eventually('east is usable', () => isUsable('fleet.east'));
  });
});
