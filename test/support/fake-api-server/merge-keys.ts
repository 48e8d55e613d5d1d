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

/** The merge key of a list field, if the field has one and every item has that key. */
export function mergeKey(field: string, ...lists: readonly unknown[][]): string | undefined {
  const items = lists.flat();
  return mergeKeys[field]?.find(key => items.every(item => isRecord(item) && item[key] !== undefined));
}
