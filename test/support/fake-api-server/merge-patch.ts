import { isRecord } from './objects.js';

/** The keys by which strategic merge tells the items of a list apart. Other lists are replaced. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
};

/** The merge key of a list field, if the field has one and every item has that key. */
function mergeKey(field: string, ...lists: readonly unknown[][]): string | undefined {
  const items = lists.flat();
  return mergeKeys[field]?.find(key => items.every(item => isRecord(item) && item[key] !== undefined));
}

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = mergePatch(result[field], value);
  }
  return result;
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter(item => !isRecord(item) || item['$patch'] === undefined).map(withoutDirectives);
  }
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([field, item]) => !field.startsWith('$') && item !== null);
  return Object.fromEntries(entries.map(([field, item]) => [field, withoutDirectives(item)]));
}

function mergeList(field: string, target: unknown[], patch: unknown[]): unknown[] {
  const key = mergeKey(field, target, patch);
  if (key === undefined) return withoutDirectives(patch) as unknown[];
  const result = new Map(target.map(item => [(item as Record<string, unknown>)[key], item]));
  for (const item of patch as Record<string, unknown>[]) {
    if (item['$patch'] === 'delete') result.delete(item[key]);
    else result.set(item[key], strategicMerge(result.get(item[key]), item));
  }
  return [...result.values()];
}

/**
 * Kubernetes' strategic merge, as far as `kubectl apply` and `kubectl edit` use it for the kinds above: lists by their merge keys in the
 * order of the target, and the directives $patch and $retainKeys.
 */
export function strategicMerge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  if (patch['$patch'] === 'delete') return {};
  if (!isRecord(target) || patch['$patch'] === 'replace') return withoutDirectives(patch);
  const retained = patch['$retainKeys'];
  const kept = Array.isArray(retained)
    ? Object.entries(target).filter(([field]) => retained.includes(field))
    : Object.entries(target);
  const result: Record<string, unknown> = Object.fromEntries(kept);
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$')) continue;
    const before = result[field];
    if (value === null) delete result[field];
    else if (Array.isArray(value))
      result[field] = mergeList(field, Array.isArray(before) ? before : [], value);
    else result[field] = strategicMerge(before, value);
  }
  return result;
}
