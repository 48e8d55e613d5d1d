import { mergeKey } from './merge-keys.js';
import { isRecord } from './objects.js';

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
  if (patch.some(item => isRecord(item) && item['$patch'] === 'replace')) {
    return withoutDirectives(patch) as unknown[];
  }
  if (field === 'finalizers') return [...new Set([...target, ...patch])];
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
 * Kubernetes' strategic merge for the lists whose merge keys this server knows (containers, env, ports, …), with the
 * directives $patch, $deleteFromPrimitiveList and $retainKeys; element order is that of the target.
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
    const [directive, list = ''] = field.split('/');
    const current = result[list];
    if (directive === '$deleteFromPrimitiveList' && Array.isArray(current) && Array.isArray(value)) {
      result[list] = current.filter(item => !value.includes(item));
    } else if (!field.startsWith('$')) {
      const before = result[field];
      if (value === null) delete result[field];
      else if (Array.isArray(value))
        result[field] = mergeList(field, Array.isArray(before) ? before : [], value);
      else result[field] = strategicMerge(before, value);
    }
  }
  return result;
}
