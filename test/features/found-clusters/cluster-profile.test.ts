import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createClusterProfiles,
  readClusterProfile,
} from '../../../src/features/found-clusters/cluster-profile.js';
import type { Providers } from '../../../src/features/found-clusters/provider-file.js';
import { assertLinear } from '../../support/growth.js';
import { setFields } from '../../support/set-fields.js';
import { FakePool } from '../../support/transport/fake-pool.js';
import { accessTo, onlySource } from '../../support/transport/upstream-requests.js';

const exec = {
  apiVersion: 'client.authentication.k8s.io/v1',
  ...{ command: 'plugin', args: ['own'], env: [{ name: 'OWN', value: '1' }] },
  ...{ installHint: '', provideClusterInfo: true },
} as const;
const providers: Providers = new Map([
  ['first', { ...exec, command: 'first' }],
  ['second', exec],
]);
const server = 'https://10.0.0.1:6443';
const data = Buffer.from('-----BEGIN').toString('base64');

const profile = (status: unknown) =>
  readClusterProfile({ kind: 'ClusterProfile', status } as never, providers);
const offering = (cluster: unknown, name: unknown = 'second') =>
  profile({ accessProviders: [{ name, cluster }], conditions: [] });

function problemsOf(status: unknown): string {
  const found = profile(status);
  assert.ok('problems' in found, JSON.stringify(found));
  for (const problem of found.problems) {
    assert.ok(problem.length <= 300);
    assert.doesNotMatch(problem, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|hunter2/u);
  }
  return found.problems.join('\n');
}

describe('A ClusterProfile', () => {
  it('is how to reach its cluster, and the plugin of the operator that has the name of an access provider', () => {
    const found = offering({
      ...{ server, 'certificate-authority-data': data, 'tls-server-name': 'kubernetes' },
      extensions: [
        { name: 'client.authentication.k8s.io/exec', extension: { clusterName: 'spoke-1' } },
        { name: 'clusterprofiles.multicluster.x-k8s.io/exec/additional-args', extension: ['--evil'] },
        {
          name: 'clusterprofiles.multicluster.x-k8s.io/exec/additional-envs',
          extension: { LD_PRELOAD: '/evil.so', PATH: '/evil' },
        },
      ],
    });
    assert.ok('config' in found);
    assert.deepEqual(setFields(found.config), {
      server: { protocol: 'https:', hostname: '10.0.0.1', port: 6443, path: '' },
      certificateAuthority: {
        data: Buffer.from('-----BEGIN'),
        origin: 'certificate-authority-data of cluster "second" in the ClusterProfile',
      },
      insecureSkipTlsVerify: false,
      tlsServerName: 'kubernetes',
      execClusterConfig: { clusterName: 'spoke-1' },
      exec,
    });
  });

  it('is reached by the first provider of the file that it offers, whatever the order of its own', () => {
    const offered = ['other', 'second', 'first'].map(name => ({ name, cluster: { server } }));
    const found = profile({ accessProviders: offered });
    assert.equal('config' in found && found.config.exec?.command, 'first');
  });

  it('says what its manager says of the control plane, which decides nothing', () => {
    const conditionOf = (condition: object | undefined) => {
      const found = profile({
        accessProviders: [{ name: 'second', cluster: { server } }],
        conditions: [{ type: 'Other', status: 'False' }, ...(condition === undefined ? [] : [condition])],
      });
      assert.ok('config' in found);
      return found.condition;
    };
    const type = 'ControlPlaneHealthy';
    assert.equal(conditionOf(undefined), undefined);
    assert.equal(conditionOf({ type, status: 'True' }), 'ControlPlaneHealthy: True');
    assert.equal(
      conditionOf({ type, status: 'False', reason: 'Gone', message: 'a\n\x1b[2Jb' }),
      'ControlPlaneHealthy: False: Gone: a\ufffd\ufffd[2Jb',
    );
    assert.equal(conditionOf({ type, status: {}, message: 'x'.repeat(40_000) })?.length, 300);
  });

  const file = /certificate-authority names a file of the gateway/;
  for (const [what, cluster, problem] of [
    ['a file', { server, 'certificate-authority': '/etc/ca' }, file],
    ['a proxy', { server, 'proxy-url': 'http://u:hunter2@proxy' }, /proxy-url names a proxy/],
    ['no cluster', undefined, /has no server/],
    ['no server', {}, /has no server/],
    ['a server without TLS', { server: 'http://10.0.0.1' }, /is not https/],
    ['a user in its URL', { server: 'https://u:hunter2@10.0.0.1' }, /has an @ in it/],
    [
      'an authority and no verification',
      { server, 'certificate-authority-data': data, 'insecure-skip-tls-verify': true },
      /same time/,
    ],
    ['an authority that is not base64', { server, 'certificate-authority-data': '-----' }, /is not base64/],
    [
      'too long an authority',
      { server, 'certificate-authority-data': 'QUJD'.repeat(20_000) },
      /certificate-authority-data has more than 65536 bytes/,
    ],
    [
      'fields of other types',
      { server: ['hunter2'], 'proxy-url': 1 },
      /accessProviders\[0\]\.cluster\.server is not a string\n.*proxy-url is not/,
    ],
    ['a cluster that is a list', [], /accessProviders\[0\]\.cluster is not a mapping/],
  ] as const) {
    it(`is refused if it has ${what}`, () => {
      assert.match(problemsOf({ accessProviders: [{ name: 'second', cluster }] }), problem);
    });
  }

  it('is refused if no plugin of the operator is for it, even if its old credentialProviders name one', () => {
    const cluster = { server };
    const old = { credentialProviders: [{ name: 'second', cluster }] };
    assert.equal(problemsOf(old), 'the ClusterProfile has no status.accessProviders');
    for (const status of [
      undefined,
      null,
      'x',
      [],
      { accessProviders: { second: {} } },
      { accessProviders: [null] },
    ]) {
      assert.equal(problemsOf(status), 'the ClusterProfile has no status.accessProviders');
    }
    const other = { ...old, accessProviders: [{ name: 'third', cluster }, { name: '\x1b[2J' }, {}] };
    assert.match(
      problemsOf(other),
      /has no access provider of --clusterprofile-provider-file: it has "third", "\\u001b/,
    );
  });

  it('is read in a time that grows with its length', () => {
    for (const status of [
      (length: number) => ({ accessProviders: Array.from({ length: length / 20 }, () => ({ name: 'x' })) }),
      (length: number) => ({ accessProviders: [{ name: 'x\u202e'.repeat(length) }] }),
      (length: number) => ({
        accessProviders: [{ name: 'second', cluster: { server: `https://h/${'/'.repeat(length)}x` } }],
      }),
    ]) {
      assertLinear(1_000_000, length => {
        const made = status(length);
        return () => profile(made);
      });
    }
  });
});

describe('ClusterProfiles', () => {
  it('are those of v1alpha2 if the API server has it, else those of v1alpha1', async () => {
    const profiles = createClusterProfiles(providers);
    const discover = async (status: number, body: unknown) => {
      const pool = new FakePool();
      const found = profiles.discover?.({ host: 'api', ...onlySource(accessTo(pool)) } as never);
      const [lease] = pool.leases;
      assert.equal(lease?.request.path, '/apis/multicluster.x-k8s.io');
      lease?.head(status);
      lease?.body(JSON.stringify(body));
      lease?.sink.end();
      await found;
      return profiles.path('fleet');
    };
    const versions = (...served: readonly string[]) => ({ versions: served.map(version => ({ version })) });
    const path = (version: string) =>
      `/apis/multicluster.x-k8s.io/${version}/namespaces/fleet/clusterprofiles`;
    assert.equal(await discover(200, versions('v1alpha2', 'v1alpha1')), path('v1alpha2'));
    await assert.rejects(discover(404, {}), /answers 404 to a GET of \/apis\/multicluster/);
    assert.equal(await discover(200, versions('v1', 'v1alpha1')), path('v1alpha1'));
    assert.deepEqual([profiles.clusterOf({ name: 'a.b' }), profiles.clusterOf({})], ['a.b', undefined]);
    const read = await profiles.read({ status: {} });
    assert.ok('problems' in read);
  });
});
