import { prepareForCreate } from './defaults.js';
import { ApiTypes } from './discovery.js';
import type { KubeObject } from './objects.js';
import type { Store } from './store.js';

const recorded = new ApiTypes();

function put(
  store: Store,
  group: string,
  resource: string,
  namespace: string,
  rest: Record<string, unknown>,
): void {
  const type = recorded.find({ group, version: 'v1', resource });
  if (!type) throw new Error(`no resource ${resource} in the recorded discovery`);
  const apiVersion = group ? `${group}/v1` : 'v1';
  const object = { kind: type.kind, apiVersion, metadata: {}, ...rest } as KubeObject;
  store.write(type, prepareForCreate(type, object, namespace));
}

function podSpec(): Record<string, unknown> {
  return { containers: [{ name: 'web', image: 'registry.example/web:1' }] };
}

/**
 * Fills an empty store: namespaces default, kube-system and team-0, one node, and in default and team-0 the pods web-0
 * and web-1, deployment web, service web, configmap settings, secret credentials and serviceaccount default.
 */
export function seed(store: Store): void {
  for (const name of ['default', 'kube-system', 'team-0']) {
    put(store, '', 'namespaces', '', { metadata: { name } });
    put(store, '', 'serviceaccounts', name, { metadata: { name: 'default' } });
  }
  put(store, '', 'nodes', '', { metadata: { name: 'node-0' } });
  for (const namespace of ['default', 'team-0']) {
    const labels = { app: 'web' };
    for (const name of ['web-0', 'web-1']) {
      put(store, '', 'pods', namespace, { metadata: { name, labels }, spec: podSpec() });
    }
    put(store, 'apps', 'deployments', namespace, {
      metadata: { name: 'web', labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec() },
      },
    });
    put(store, '', 'services', namespace, {
      metadata: { name: 'web', labels },
      spec: { selector: labels, ports: [{ name: 'http', port: 80 }] },
    });
    put(store, '', 'configmaps', namespace, {
      metadata: { name: 'settings', labels },
      data: { color: 'blue', size: '3' },
    });
    put(store, '', 'secrets', namespace, {
      metadata: { name: 'credentials' },
      stringData: { password: 'test' },
    });
  }
}
