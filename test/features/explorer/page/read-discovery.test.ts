import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client } from '../../../../src/features/explorer/page/api/client.js';
import { groupVersion, isBuiltIn } from '../../../../src/features/explorer/page/api/discovery.js';
import { readDiscovery } from '../../../../src/features/explorer/page/api/read-discovery.js';
import { readRecordedDiscovery } from '../../../support/recorded-discovery.js';

const resources = (...names: readonly string[]) => ({
  kind: 'APIResourceList',
  resources: names.map(name => ({ name, kind: name, namespaced: true, verbs: ['get'] })),
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
        groups: ['apps', 'gone.example'].map(name => ({ name, versions: [{ version: 'v1' }] })),
      },
      '/api/v1': resources('pods'),
      '/apis/apps/v1': resources('deployments'),
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
