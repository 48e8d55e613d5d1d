import { prepareForCreate } from './defaults.js';
import { ApiTypes } from './discovery.js';
import type { KubeObject } from './objects.js';
import type { Store } from './store.js';

const recorded = new ApiTypes();

function podSpec(): Record<string, unknown> {
  return { containers: [{ name: 'web', image: 'registry.example/web:1' }] };
}

function inNamespace(namespace: string): KubeObject[] {
  const labels = { app: 'web' };
  return [
    ...['web-0', 'web-1'].map(name => ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels } },
      spec: { nodeName: 'node-0', ...podSpec() },
    })),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace, labels } },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec() },
      },
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
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'credentials', namespace } },
      stringData: { password: 'test' },
    },
  ];
}

/**
 * What an API server of the tests has at the start: namespaces default, kube-system and team-0, each with serviceaccount default, one
 * node, and in default and team-0 the pods web-0 and web-1, deployment web, service web, configmap settings and secret credentials.
 */
export const seedObjects: readonly KubeObject[] = [
  ...['default', 'kube-system', 'team-0'].flatMap(name => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
  ]),
  { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-0' } },
  ...['default', 'team-0'].flatMap(inNamespace),
];

/** One of these objects as the API server and its controllers complete it. */
export function complete(object: KubeObject): KubeObject {
  return prepareForCreate(recorded.of(object), object, object.metadata.namespace ?? '');
}

/** Fills an empty store. */
export function seed(store: Store): void {
  for (const object of seedObjects) store.write(recorded.of(object), complete(object));
}
