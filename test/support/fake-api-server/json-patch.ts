import { isDeepStrictEqual } from 'node:util';
import { isRecord } from './objects.js';

/** One operation of RFC 6902. */
interface JsonPatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

function child(parent: unknown, part: string): unknown {
  if (Array.isArray(parent)) return parent[Number(part)];
  return isRecord(parent) && Object.hasOwn(parent, part) ? parent[part] : undefined;
}

/** Changes the document, except at its root. */
function change(document: unknown, { op, path, value }: JsonPatchOperation): void {
  const [, ...parts] = path.split('/').map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop() ?? '';
  const parent = parts.reduce(child, document);
  const isThere = child(parent, last) !== undefined;
  if (op === 'test' && isDeepStrictEqual(child(parent, last), value)) return;
  if (op === 'add' && Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  } else if (op === 'remove' && isThere && Array.isArray(parent)) {
    parent.splice(Number(last), 1);
  } else if (op === 'remove' && isThere) {
    delete (parent as Record<string, unknown>)[last];
  } else if ((op === 'add' && isRecord(parent)) || (op === 'replace' && isThere)) {
    (parent as Record<string, unknown>)[last] = value;
  } else {
    throw new Error(`${op} ${path}`);
  }
}

/** Applies add, remove, replace and test of RFC 6902 to a copy. Throws an error that names an operation that does not apply. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  const document: unknown = structuredClone(target);
  for (const operation of patch as readonly JsonPatchOperation[]) change(document, operation);
  return document;
}
