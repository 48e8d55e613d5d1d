import { mergeKey } from './merge-keys.js';
import { strategicMerge } from './merge-patch.js';
import { isRecord, type KubeObject, type ManagedFieldsEntry, timestamp } from './objects.js';
import { StatusFailure } from './status-failure.js';

/** The manager of a write, its operation, and the part of the object. */
export interface FieldWriter {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
}

const untracked = new Set(['apiVersion', 'kind']);
const trackedMetadata = new Set(['labels', 'annotations', 'finalizers', 'ownerReferences']);
const dottedFields = new Set([
  'resourceAttributes',
  'nonResourceAttributes',
  'labels',
  'annotations',
  'data',
  'binaryData',
  'matchLabels',
  'nodeSelector',
  'limits',
  'requests',
]);

/** Maps the path of a field, a JSON array of FieldsV1 keys, to the JSON of its value. */
type Fields = Map<string, string>;

function collect(value: unknown, path: string[], dots: boolean, fields: Fields): void {
  const field = path.at(-1)?.slice(2) ?? '';
  if (Array.isArray(value)) {
    const key = value.length > 0 ? mergeKey(field, value) : undefined;
    if (key === undefined) {
      fields.set(JSON.stringify(path), JSON.stringify(value));
      return;
    }
    for (const item of value as Record<string, unknown>[]) {
      const itemPath = [...path, `k:${JSON.stringify({ [key]: item[key] })}`];
      fields.set(JSON.stringify([...itemPath, '.']), '');
      collect(item, itemPath, dots, fields);
    }
  } else if (isRecord(value) && Object.keys(value).length > 0) {
    if (dots && dottedFields.has(field)) fields.set(JSON.stringify([...path, '.']), '');
    for (const [name, item] of Object.entries(value)) collect(item, [...path, `f:${name}`], dots, fields);
  } else if (value !== undefined) {
    fields.set(JSON.stringify(path), JSON.stringify(value));
  }
}

function fieldsOf(object: KubeObject, writer: FieldWriter): Fields {
  const fields: Fields = new Map();
  const dots = writer.operation === 'Update';
  for (const [name, value] of Object.entries(object)) {
    if (untracked.has(name) || (name === 'status') !== (writer.subresource === 'status')) continue;
    if (name !== 'metadata') {
      collect(value, [`f:${name}`], dots, fields);
      continue;
    }
    for (const [key, item] of Object.entries(object.metadata)) {
      if (trackedMetadata.has(key)) collect(item, ['f:metadata', `f:${key}`], dots, fields);
    }
  }
  return fields;
}

function toFieldsV1(paths: Iterable<string>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const path of [...paths].sort()) {
    let node = root;
    for (const key of JSON.parse(path) as string[]) {
      node[key] ??= {};
      node = node[key] as Record<string, unknown>;
    }
  }
  return root;
}

function fromFieldsV1(node: Record<string, unknown>, path: string[] = []): string[] {
  const entries = Object.entries(node);
  if (entries.length === 0) return path.length > 0 ? [JSON.stringify(path)] : [];
  return entries.flatMap(([key, value]) => fromFieldsV1(value as Record<string, unknown>, [...path, key]));
}

function isOwn(entry: ManagedFieldsEntry, writer: FieldWriter): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    (entry.subresource ?? '') === writer.subresource
  );
}

function toEntry(writer: FieldWriter, paths: Iterable<string>): ManagedFieldsEntry {
  const { manager, operation, apiVersion, subresource } = writer;
  const entry: ManagedFieldsEntry = {
    manager,
    operation,
    apiVersion,
    time: timestamp(),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(paths),
  };
  return subresource ? { ...entry, subresource } : entry;
}

/** The other managers' entries without the fields that they lost; an entry without fields is removed. */
function withoutFields(
  entries: readonly ManagedFieldsEntry[],
  writer: FieldWriter,
  lost: ReadonlySet<string>,
): ManagedFieldsEntry[] {
  return entries.flatMap(entry => {
    if (isOwn(entry, writer)) return [];
    const paths = fromFieldsV1(entry.fieldsV1);
    const kept = paths.filter(path => !lost.has(path));
    if (kept.length === paths.length) return [entry];
    return kept.length > 0 ? [{ ...entry, fieldsV1: toFieldsV1(kept) }] : [];
  });
}

/** managedFields after a create, update or patch: the writer owns the fields that it set or changed, and others lose them. */
export function trackUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  writer: FieldWriter,
): ManagedFieldsEntry[] {
  const entries = before?.metadata.managedFields ?? [];
  const old = before ? fieldsOf(before, writer) : new Map<string, string>();
  const now = fieldsOf(after, writer);
  const changed = [...now.keys()].filter(path => old.get(path) !== now.get(path));
  const removed = [...old.keys()].filter(path => !now.has(path));
  const own = entries.find(entry => isOwn(entry, writer));
  const kept = (own ? fromFieldsV1(own.fieldsV1) : []).filter(path => now.has(path));
  const paths = new Set([...kept, ...changed]);
  const others = withoutFields(entries, writer, new Set([...changed, ...removed]));
  return paths.size > 0 ? [...others, toEntry(writer, paths)] : others;
}

function removePath(object: Record<string, unknown>, path: readonly string[]): void {
  const [key = '', ...rest] = path;
  const field = key.slice(2);
  if (rest.length === 0) {
    delete object[field];
    return;
  }
  const value = object[field];
  if (isRecord(value)) {
    removePath(value, rest);
    if (Object.keys(value).length === 0) delete object[field];
  } else if (Array.isArray(value)) {
    const [itemKey = '', ...inItem] = rest;
    const [[name, wanted] = ['', undefined]] = Object.entries(JSON.parse(itemKey.slice(2)) as object);
    const index = value.findIndex(item => item[name] === wanted);
    if (index < 0) return;
    if (inItem[0] === '.') value.splice(index, 1);
    else removePath(value[index], inItem);
  }
}

function conflictFailure(conflicts: ReadonlyMap<string, string>): StatusFailure {
  const causes = [...conflicts].map(([path, manager]) => {
    const keys = (JSON.parse(path) as string[]).filter(key => key !== '.');
    const field = keys
      .map(key => (key.startsWith('f:') ? `.${key.slice(2)}` : `[${key.slice(3, -1)}]`))
      .join('');
    return { reason: 'FieldManagerConflict', message: `conflict with "${manager}"`, field };
  });
  const list = causes.map(cause => `${cause.message}: ${cause.field}`).join('\n');
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new StatusFailure(409, 'Conflict', `Apply failed with ${count}: ${list}`, { causes });
}

/**
 * Server-side apply: merges the configuration into the live object, removes fields that this manager applied before and no
 * longer does, and throws 409 for fields that another manager has set to other values, unless forced.
 */
export function apply(
  live: KubeObject | undefined,
  configuration: KubeObject,
  writer: FieldWriter,
  force: boolean,
): KubeObject {
  const entries = live?.metadata.managedFields ?? [];
  const wanted = fieldsOf(configuration, writer);
  const current = live ? fieldsOf(live, writer) : new Map<string, string>();
  const others = entries.filter(entry => !isOwn(entry, writer));
  const conflicts = new Map<string, string>();
  for (const entry of others) {
    for (const path of fromFieldsV1(entry.fieldsV1)) {
      const value = wanted.get(path);
      if (value !== undefined && current.has(path) && current.get(path) !== value)
        conflicts.set(path, entry.manager);
    }
  }
  if (conflicts.size > 0 && !force) throw conflictFailure(conflicts);
  const merged = structuredClone(strategicMerge(live ?? {}, configuration)) as KubeObject;
  const elsewhere = new Set(others.flatMap(entry => fromFieldsV1(entry.fieldsV1)));
  const own = entries.find(entry => isOwn(entry, writer));
  for (const path of own ? fromFieldsV1(own.fieldsV1) : []) {
    if (!wanted.has(path) && !elsewhere.has(path)) removePath(merged, JSON.parse(path) as string[]);
  }
  const kept = withoutFields(entries, writer, new Set(conflicts.keys()));
  const managedFields = wanted.size > 0 ? [toEntry(writer, wanted.keys()), ...kept] : kept;
  return { ...merged, metadata: { ...merged.metadata, managedFields } };
}
