import { isDeepStrictEqual } from 'node:util';
import { isRecord } from './objects.js';

/** One operation of RFC 6902. */
export interface JsonPatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

function parsePointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function child(parent: unknown, part: string): unknown {
  if (Array.isArray(parent)) return parent[Number(part)];
  return isRecord(parent) && Object.hasOwn(parent, part) ? parent[part] : undefined;
}

function read(document: unknown, pointer: string): unknown {
  return parsePointer(pointer).reduce(child, document);
}

function change(
  document: unknown,
  pointer: string,
  op: 'add' | 'remove' | 'replace',
  value?: unknown,
): unknown {
  const parts = parsePointer(pointer);
  const last = parts.pop();
  if (last === undefined) return value;
  const parent = parts.reduce(child, document);
  const missing = new Error(`${op} operation does not apply: doc is missing key: ${pointer}: missing value`);
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!(index >= 0 && index <= parent.length)) throw missing;
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  } else if (isRecord(parent)) {
    if (op !== 'add' && !Object.hasOwn(parent, last)) throw missing;
    if (op === 'remove') delete parent[last];
    else parent[last] = value;
  } else {
    throw missing;
  }
  return document;
}

/** Applies RFC 6902 to a copy. Throws an error that names the operation that does not apply. */
export function jsonPatch(target: unknown, operations: readonly JsonPatchOperation[]): unknown {
  let document: unknown = structuredClone(target);
  for (const operation of operations) {
    const { op, path, from = '', value } = operation;
    if (op === 'test') {
      if (!isDeepStrictEqual(read(document, path), value)) {
        throw new Error(`testing value ${path} failed: test failed`);
      }
    } else if (op === 'add' || op === 'replace' || op === 'remove') {
      document = change(document, path, op, value);
    } else if (op === 'move' || op === 'copy') {
      const moved = structuredClone(read(document, from));
      if (op === 'move') document = change(document, from, 'remove');
      document = change(document, path, 'add', moved);
    } else {
      throw new Error(`Unexpected kind: ${op}`);
    }
  }
  return document;
}
