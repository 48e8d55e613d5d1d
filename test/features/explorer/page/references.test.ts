import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ApiIndex } from '../../../../src/features/explorer/page/api/discovery.js';
import { referencesOf } from '../../../../src/features/explorer/page/api/references.js';
import { recorded } from './recorded-index.js';

const metadata = { namespace: 'a', name: 'x' };
const spec = {
  nodeName: 'node-0',
  serviceAccountName: 'runner',
  volumes: [
    { configMap: { name: 'files' } },
    { secret: { secretName: 'keys' } },
    { persistentVolumeClaim: { claimName: 'disk' } },
    { emptyDir: {} },
  ],
  containers: [
    { envFrom: [{ configMapRef: { name: 'files' } }, { secretRef: { name: 'from' } }] },
    {
      env: [
        { valueFrom: { configMapKeyRef: { name: 'one' } } },
        { valueFrom: { secretKeyRef: { name: 'two' } } },
      ],
    },
  ],
  initContainers: [{ envFrom: [{ secretRef: { name: 'early' } }] }],
};
const named = (object: object, index = recorded) =>
  referencesOf({ metadata, ...object }, index).map(({ resource, namespace, name }) => {
    return `${resource.name} ${namespace} ${name}`;
  });
const expected = [
  ...['nodes  node-0', 'serviceaccounts a runner', 'configmaps a files', 'secrets a keys'],
  ...[
    'persistentvolumeclaims a disk',
    'secrets a from',
    'configmaps a one',
    'secrets a two',
    'secrets a early',
  ],
];

it('a Pod, and each template of Pods, names its node, account, config maps, secrets and claims, each once', () => {
  assert.deepEqual(named({ apiVersion: 'v1', kind: 'Pod', spec }), expected);
  assert.deepEqual(named({ apiVersion: 'apps/v1', spec: { template: { spec } } }), expected);
  assert.deepEqual(
    named({ apiVersion: 'batch/v1', spec: { jobTemplate: { spec: { template: { spec } } } } }),
    expected,
  );
});

it('an autoscaler names what it scales, if discovery lists it', () => {
  const scaled = (scaleTargetRef: unknown) =>
    named({ apiVersion: 'autoscaling/v2', spec: { scaleTargetRef } });
  assert.deepEqual(scaled({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }), ['deployments a web']);
  assert.deepEqual(scaled({ apiVersion: 'evil.example/v1', kind: 'Deployment', name: 'web' }), []);
  assert.deepEqual(scaled({ apiVersion: {}, kind: [], name: 'web' }), []);
});

it('nothing is named by a custom object, by fields of other types, or where discovery lacks the resource', () => {
  assert.deepEqual(named({ apiVersion: 'example.com/v1', spec }), []);
  assert.deepEqual(named({ apiVersion: 'v1', spec }, new ApiIndex([])), []);
  for (const odd of [
    null,
    7,
    'x',
    [],
    [null],
    { nodeName: {}, volumes: {}, containers: 'x' },
    { volumes: [[], 7, null] },
  ])
    assert.deepEqual(named({ apiVersion: 'v1', spec: odd }), []);
  const volumes = Array.from({ length: 500 }, (_, at) => ({ configMap: { name: `c-${at}` } }));
  assert.equal(named({ apiVersion: 'v1', spec: { volumes } }).length, 100);
});
