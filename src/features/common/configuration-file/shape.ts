import { isObject } from '../../../lib/json.js';
import { parseDuration } from '../../../lib/value-type.js';
import type { Path } from '../../../lib/yaml-document.js';
import type { Report } from './problem.js';

/** What a field may be: one of these values, a list of one shape, or an object that has no other fields. */
export type Shape = keyof typeof scalars | readonly [Shape] | { readonly [field: string]: Shape };

const scalars = {
  'a string': (value: unknown) => typeof value === 'string',
  'true or false': (value: unknown) => typeof value === 'boolean',
  /** As Go writes it, such as `1m30s`. */
  'a duration': (value: unknown) => typeof value === 'string' && parseDuration(value) !== undefined,
};

/** The value with its known fields; undefined if it is missing or wrong. As in Go, null is a missing value, but no duration. */
export function decode(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  if (value === null && shape !== 'a duration') {
    if (path.length === 0) report(path, 'is empty');
    return undefined;
  }
  if (typeof shape === 'string') {
    if (scalars[shape](value)) return value;
    report(path, `is not ${shape}`);
    return undefined;
  }
  if (isList(shape)) {
    if (Array.isArray(value))
      return value.map((item, index) => decodeItem(item, shape[0], [...path, index], report));
    report(path, 'is not a list');
    return undefined;
  }
  if (!isObject(value)) {
    report(path, 'is not a mapping');
    return undefined;
  }
  const known = Object.entries(value).map(([name, field]) => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) report([...path, name], 'is an unknown field');
    return [name, inner && decode(field, inner, [...path, name], report)] as const;
  });
  return Object.fromEntries(known.filter(([, field]) => field !== undefined));
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

/** A missing item is an empty string, or an object without fields, as in Go. */
function decodeItem(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  return decode(value, shape, path, report) ?? (typeof shape === 'string' ? '' : {});
}
