import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Endpoint } from '../../../src/clusters/endpoint.js';
import type { Credential } from '../../../src/credentials/credential.js';
import { ChangingSource } from '../../../src/features/found-clusters/changing-source.js';
import { FoundCluster } from '../../../src/features/found-clusters/found-cluster.js';
import { readFoundKubeconfig } from '../../../src/features/found-clusters/found-kubeconfig.js';
import { regexpList } from '../../../src/guard/regexp-list.js';
import { Deferred } from '../../../src/lib/promises.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { kubeconfigOf } from '../../support/found-clusters/found-objects.js';
import { parsedValue } from '../../support/option-value.js';

const [authority, another] = await Promise.all([
  createCertificateAuthority({ commonName: 'one' }),
  createCertificateAuthority({ commonName: 'two' }),
]);

describe('a found cluster', () => {
  let cluster: FoundCluster;
  let endpoints: Endpoint[];
  let expiries: (Date | undefined)[];
  let readAgain: number;
  const events = {
    expires: (_: string, at: Date | undefined) => expiries.push(at),
    refreshed() {},
    log: { info() {}, warn() {} },
  };
  beforeEach(() => {
    endpoints = [];
    expiries = [];
    readAgain = 0;
    const parts = {
      env: {},
      servers: { hosts: parsedValue(regexpList, ''), listeners: () => [] },
      readAgain: async () => {
        readAgain += 1;
      },
    };
    const object = { cluster: 'fleet.east', uid: '1', namespace: 'fleet', name: 'east-kubeconfig' };
    cluster = new FoundCluster({ ...object, kind: undefined as never }, parts, () => {});
  });
  const take = (token: string, url = 'https://east.example:6443', ca = authority.certificate) =>
    cluster.take(readFoundKubeconfig(Buffer.from(kubeconfigOf('east', { url, ca, user: { token } }))));
  const follow = () => cluster.follow(endpoint => endpoints.push(endpoint), events);
  const credential = () => endpoints.at(-1)?.source.get();

  it('has one endpoint as long as its server and its authority stay, whatever its credential is', async () => {
    await take('first');
    await follow();
    const [endpoint] = endpoints as [Endpoint];
    assert.deepEqual(
      [endpoint.context, cluster.server, cluster.problem],
      ['fleet.east', 'https://east.example:6443', undefined],
    );
    assert.deepEqual(credential(), { authorization: 'Bearer first' });
    const same = credential();
    assert.equal(credential(), same);
    await take('second');
    assert.deepEqual(credential(), { authorization: 'Bearer second' });
    assert.equal(endpoints.length, 1);
    await take('second', 'https://west.example:6443');
    await take('second', 'https://west.example:6443', another.certificate);
    assert.equal(endpoints.length, 3);
    assert.equal(new Set(endpoints.map(({ identity }) => identity.server)).size, 3);
    assert.deepEqual(credential(), { authorization: 'Bearer second' });
  });

  it('reads its object again when its server refuses the credential, and has none once it is closed', async () => {
    await take('first');
    const followed = await follow();
    const [endpoint] = endpoints as [Endpoint];
    await endpoint.source.refused({});
    assert.equal(readAgain, 1);
    followed.close();
    endpoint.source.close();
    await take('second');
    await assert.rejects(async () => credential(), { code: 503, message: 'the cluster is no longer served' });
    assert.equal(endpoints.length, 1);
  });

  it('cannot be used before a version of its object can be, and keeps the last one that could', async () => {
    await cluster.take({ problems: ['it has no server', 'and no user'] });
    assert.deepEqual([cluster.isUsable, cluster.problem], [false, 'it has no server; and no user']);
    await assert.rejects(follow(), { code: 503, message: /it has no server; and no user/ });
    await take('first');
    await follow();
    await cluster.take({ problems: ['it is broken'] });
    await take('other', 'https://127.0.0.1:6443', 'no certificate');
    assert.deepEqual([cluster.isUsable, cluster.server], [true, 'https://east.example:6443']);
    assert.match(String(cluster.problem), /has no certificate/);
    assert.deepEqual([endpoints.length, credential()], [1, { authorization: 'Bearer first' }]);
    await take('second');
    assert.deepEqual([cluster.problem, credential()], [undefined, { authorization: 'Bearer second' }]);
  });
});

it('who waits for a credential gets that of the source which takes its place, and else its error', async () => {
  const waiting = () => {
    const credential = new Deferred<Credential>();
    credential.promise.catch(() => {});
    const close = () => credential.reject(new Error('ended'));
    return {
      get: () => credential.promise,
      refused: async () => {},
      name: 'exec',
      isLasting: false,
      close,
    } as const;
  };
  const source = new ChangingSource(waiting());
  const credential = source.get();
  const next = waiting();
  source.replace(next);
  source.replace({ ...waiting(), get: () => ({ authorization: 'Bearer next' }) });
  assert.deepEqual(await credential, { authorization: 'Bearer next' });
  source.replace(next);
  await assert.rejects(async () => source.get(), /ended/);
});
