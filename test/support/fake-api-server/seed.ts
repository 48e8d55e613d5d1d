import type { ApiTypes } from './discovery.js';
import { type KubeObject, newObject, timestamp } from './objects.js';
import type { Store } from './store.js';

const labels = { app: 'web' };
const [container] = [{ name: 'web', image: 'registry.example/web:1' }] as const;
const isTrue = (type: string) => ({ type, status: 'True', lastTransitionTime: timestamp() });

/** A Pod that runs, and a Deployment that is available. */
const podStatus = {
  ...{ phase: 'Running', podIP: '192.0.2.20', startTime: timestamp() },
  conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(isTrue),
  containerStatuses: [
    {
      ...{ ...container, imageID: container.image, ready: true, restartCount: 0 },
      state: { running: { startedAt: timestamp() } },
    },
  ],
};
const deploymentStatus = {
  ...{ observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 },
  conditions: ['Available', 'Progressing'].map(isTrue),
};

function inNamespace(namespace: string): KubeObject[] {
  return [
    ...['web-0', 'web-1'].map(name => ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels } },
      spec: { nodeName: 'node-0', containers: [container] },
      status: podStatus,
    })),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace, labels } },
      spec: {
        ...{ replicas: 2, selector: { matchLabels: labels } },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
      status: deploymentStatus,
    },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace, labels } },
      spec: { selector: labels, ports: [{ name: 'http', port: 80 }] },
    },
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace, labels } },
      data: { color: 'blue', size: '3' },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'credentials', namespace }, type: 'Opaque' },
      data: { password: Buffer.from('test').toString('base64') },
    },
  ];
}

/**
 * What an API server of the tests has at the start: namespaces default, kube-system and team-0, each with serviceaccount default, one
 * node, and in default and team-0 the pods web-0 and web-1, deployment web, service web, configmap settings and secret credentials.
 */
export const seedObjects: readonly KubeObject[] = [
  ...['default', 'kube-system', 'team-0'].flatMap(name => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase: 'Active' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
  ]),
  { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-0' } },
  ...['default', 'team-0'].flatMap(inNamespace),
];

/** Fills an empty store. */
export function seed(store: Store, types: ApiTypes): void {
  for (const object of seedObjects) {
    const type = types.of(object);
    store.write(type, newObject(type, object, object.metadata.namespace ?? ''));
  }
}
