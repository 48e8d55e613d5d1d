import { isRecord } from './objects.js';

const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  conditions: ['type'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
  hostAliases: ['ip'],
  podIPs: ['ip'],
  ownerReferences: ['uid'],
};

/** The key by which the items of a list field merge, if the field is such a list and every item has the key. */
export function mergeKey(field: string, ...lists: readonly unknown[][]): string | undefined {
  const items = lists.flat();
  return mergeKeys[field]?.find(key => items.every(item => isRecord(item) && item[key] !== undefined));
}
