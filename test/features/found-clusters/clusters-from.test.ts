import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { clusterApi } from '../../../src/features/found-clusters/cluster-api.js';
import { clustersFromList } from '../../../src/features/found-clusters/clusters-from.js';
import { ownNamespace } from '../../../src/features/found-clusters/own-namespace.js';
import { parseOptions } from '../../../src/options/parse.js';
import { parsedValue } from '../../support/option-value.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

it('--clusters-from is a kind, and the name of one namespace or none', () => {
  assert.deepEqual(parsedValue(clustersFromList, 'cluster-api\ncluster-api:fleet-1'), [
    { kind: 'cluster-api', namespace: undefined },
    { kind: 'cluster-api', namespace: 'fleet-1' },
  ]);
  for (const text of [
    'argo-cd',
    'cluster-api:',
    'cluster-api:*',
    'cluster-api:a/b',
    'cluster-api:A',
    'cluster-api:a:b',
    ':fleet',
    `cluster-api:${'a'.repeat(64)}`,
  ]) {
    const parsed = clustersFromList.parse(text, '--clusters-from');
    assert.ok('problems' in parsed && parsed.problems.length === 1, text);
    assert.ok(
      parsed.problems[0]?.startsWith(`--clusters-from: ${JSON.stringify(text)} `),
      parsed.problems[0],
    );
  }
});

it('--clusters-from serves clusters without --all-contexts, beside flags for the one of /, and --contexts may choose among them', () => {
  const parsed = (...more: readonly string[]) =>
    parseOptions({ argv: ['--clusters-from=cluster-api:fleet', ...more], env: {} });
  const { options, problems } = parsed(
    '--contexts=fleet\\..*',
    '--server=https://api.example',
    '--token=secret',
  );
  assert.deepEqual([problems, options.servesClusters, options.allContexts], [[], true, false]);
  const prefix = parsed('--api-prefix=/clusters/a').problems;
  assert.deepEqual(prefix, ['--api-prefix: "/clusters/a/" is where --clusters-from serves clusters']);
});

it('the namespace of the gateway is that of its context, or of its service account', () => {
  const folder = temporaryFolder();
  const registry = (namespace: string) =>
    ({
      default: { name: 'dev' },
      contexts: [
        { name: 'other', namespace: 'x' },
        { name: 'dev', namespace },
      ],
    }) as never;
  const pod = { POD_NAMESPACE: 'pod' };
  assert.equal(ownNamespace(registry(''), {}, folder), 'default');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'namespace'), 'mounted\n');
  assert.equal(ownNamespace(registry(''), {}, folder), 'mounted');
  assert.equal(ownNamespace(registry(''), pod, folder), 'pod');
  assert.equal(ownNamespace(registry('context'), pod, folder), 'context');
});

it('a Secret of Cluster API defines the cluster of its label if its name says that it has the kubeconfig', () => {
  const clusterOf = (name: string, label?: unknown) =>
    clusterApi.clusterOf({ name, labels: { 'cluster.x-k8s.io/cluster-name': label } });
  assert.equal(clusterOf('east-kubeconfig', 'east'), 'east');
  for (const [name, label] of [
    ['east-ca', 'east'],
    ['east-kubeconfig', 'west'],
    ['east-user-kubeconfig', 'east'],
    ['-kubeconfig', ''],
    ['undefined-kubeconfig', undefined],
    ['1-kubeconfig', 1],
  ] as const)
    assert.equal(clusterOf(name, label), undefined, name);
  assert.equal(clusterApi.clusterOf({ name: 'east-kubeconfig' }), undefined);
  const type = 'cluster.x-k8s.io/secret';
  for (const [secret, problem] of [
    [{ type: 'Opaque', data: { value: '' } }, 'the Secret is not of the type cluster.x-k8s.io/secret'],
    [{ type, data: { other: '' } }, 'the Secret has no key value'],
    [{ type }, 'the Secret has no key value'],
  ] as const)
    assert.deepEqual(clusterApi.read(secret), { problems: [problem] });
});
