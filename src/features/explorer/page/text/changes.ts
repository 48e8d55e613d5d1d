import { isRecord } from '../api/objects.js';

/** One field that differs. */
export interface Change {
  /** Keys and indexes, from the root to the field. */
  readonly path: readonly (string | number)[];
  /** Undefined if the field is new. */
  readonly before: unknown;
  /** Undefined if the field is gone. */
  readonly after: unknown;
}

/** Fields that change with every write, and say nothing about it. */
const bookkeeping: ReadonlySet<string> = new Set(['managedFields', 'resourceVersion', 'generation']);

/** The deepest fields that differ between two states of an object, without the API server's bookkeeping. */
export function changesBetween(before: unknown, after: unknown): readonly Change[] {
  const changes: Change[] = [];
  compare(before, after, [], changes);
  return changes;
}

function compare(
  before: unknown,
  after: unknown,
  path: readonly (string | number)[],
  changes: Change[],
): void {
  if (before === after) return;
  if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (path.length === 1 && path[0] === 'metadata' && bookkeeping.has(key)) continue;
      compare(before[key], after[key], [...path, key], changes);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      compare(before[index], after[index], [...path, index], changes);
    }
  } else changes.push({ path, before, after });
}

/** A path as people write it: `status.conditions[0].reason`. */
export function pathText(path: readonly (string | number)[]): string {
  return path
    .map((step, at) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(step)) return `[${JSON.stringify(step)}]`;
      return at === 0 ? step : `.${step}`;
    })
    .join('');
}
