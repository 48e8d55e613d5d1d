import type { KubeObject } from './objects.js';

/** A config map as the embedded API server's `write` takes it. */
export function configMap(
  namespace: string,
  name: string,
  { labels, data = {} }: { readonly labels?: Record<string, string>; readonly data?: object } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...(labels && { labels }) },
    data,
  };
}

/** The path of a namespace's config maps. */
export function configMapsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps`;
}
