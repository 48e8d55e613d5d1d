import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client } from '../../../../src/features/explorer/page/api/client.js';
import {
  groupVersion,
  isBuiltIn,
  readAggregated,
  readVersion,
  versionsOf,
} from '../../../../src/features/explorer/page/api/discovery.js';
import { readDiscovery } from '../../../../src/features/explorer/page/api/read-discovery.js';
import { readRecordedDiscovery } from '../../../support/recorded-discovery.js';

const resources = (groupVersion: string, ...names: readonly string[]) => ({
  ...{ kind: 'APIResourceList', groupVersion },
  resources: names.map(name => ({ name, kind: `${name}-kind`, namespaced: true, verbs: ['get'] })),
});
const { core, groups } = readRecordedDiscovery();

for (const [what, answers, found] of [
  ['one that aggregates it', { '/api': core, '/apis': groups }, ['/pods', 'apps/deployments', 'batch/jobs']],
  [
    'an old one, where a version may be unavailable',
    {
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: ['apps', 'gone.example'].map(name => ({
          name,
          versions: ['v1beta1', 'v1', '../v2'].map(version => ({ version })),
          preferredVersion: { version: 'v1' },
        })),
      },
      '/api/v1': resources('v1', 'pods'),
      '/apis/apps/v1': resources('apps/v1', 'deployments', 'deployments/scale', 'deployments/../x', '..'),
    },
    ['/pods', 'apps/deployments'],
  ],
] as const)
  it(`the resources of an API server are read from ${what}`, async t => {
    t.mock.method(globalThis, 'fetch', async (url: string) => {
      const answer = (answers as Readonly<Record<string, object>>)[url.slice('http://p/c'.length)];
      return answer === undefined ? new Response('', { status: 503 }) : Response.json(answer);
    });
    const index = await readDiscovery(new Client('http://p'), '/c');
    const kinds = ['/pods', 'apps/deployments', 'batch/jobs', 'gone.example/things'].filter(key => {
      const [group = '', name = ''] = key.split('/');
      return index.preferred(group, name) !== undefined;
    });
    assert.deepEqual(kinds, found);
    const versions = index.groups.find(({ name }) => name === 'apps')?.versions.map(({ version }) => version);
    assert.deepEqual([versions?.[0], versions?.includes('../v2')], ['v1', false]);
    const { kind = '', subresources = [] } = index.resource('apps', 'v1', 'deployments') ?? {};
    const below = subresources.map(({ name }) => name);
    assert.deepEqual([below.includes('scale'), below.includes('../x')], [true, false]);
    assert.equal(index.ofKind('apps/v1', kind)?.name, 'deployments');
    assert.equal(index.preferred('apps', '..'), undefined);
    const gone = index.groups.find(({ name }) => name === 'gone.example')?.versions ?? [];
    assert.ok(gone.every(({ isStale, resources }) => isStale && resources.length === 0));
  });

it('a discovery may have null in place of any list', () => {
  const kind = 'APIGroupDiscoveryList';
  const lists = { verbs: null, shortNames: null, subresources: null };
  const nothing = { verbs: [], shortNames: [], subresources: [] };
  const things = { group: 'a', version: 'v1', name: 'things', kind: '', namespaced: false, ...nothing };
  const versions = [
    { version: 'v1', resources: [{ resource: 'things', scope: 'Cluster', ...lists }] },
    { version: 'v2', resources: null },
  ];
  assert.deepEqual(readAggregated({ kind, items: null }), []);
  const [empty, full] = readAggregated({
    kind,
    items: [{ versions: null }, { metadata: { name: 'a' }, versions }],
  });
  assert.deepEqual(empty, { name: '', versions: [] });
  assert.deepEqual(
    full?.versions.map(({ resources }) => resources),
    [[things], []],
  );
  assert.deepEqual(versionsOf({ name: 'a', versions: null }), []);
  const plain = [{ name: 'things', kind: '', namespaced: false, ...lists }];
  for (const [resources, read] of [
    [null, []],
    [plain, [things]],
  ] as const)
    assert.deepEqual(readVersion('a', 'v1', { groupVersion: 'a/v1', resources }).resources, read);
});

it('a group has a name with its version, and is Kubernetes’ own or not', () => {
  assert.deepEqual(
    ['', 'apps'].map(group => groupVersion({ group, version: 'v1' })),
    ['v1', 'apps/v1'],
  );
  const own = ['', 'apps', 'autoscaling', 'batch', 'extensions', 'policy', 'rbac.authorization.k8s.io'];
  for (const group of [...own, 'events.k8s.io']) assert.ok(isBuiltIn(group), group);
  for (const group of ['example.com', 'k8s.io', 'a.b.c.k8s.io', 'apps.k8s.io.evil', 'policies'])
    assert.ok(!isBuiltIn(group), group);
});
