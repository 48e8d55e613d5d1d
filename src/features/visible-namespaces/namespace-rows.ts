import { StatusError } from '../../kubernetes/status.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { elementSpans, memberSpan, type Span } from '../../lib/json-member.js';

/** A namespace in a list or an event, by its name and its uid: one that is deleted and made again is another one. */
export interface NamespaceRow {
  readonly name: string;
  readonly uid: string;
  /** The resourceVersion of the object. */
  readonly version: string;
}

/** Equal for the same namespace. */
export function idOf({ name, uid }: Pick<NamespaceRow, 'name' | 'uid'>): string {
  return `${name} ${uid}`;
}

export function nameOfId(id: string): string {
  return id.slice(0, id.indexOf(' '));
}

export type ChangeType = 'ADDED' | 'DELETED';

/** A row of a list: where it is, counted from the beginning of the array. */
interface ListedRow extends NamespaceRow, Span {
  readonly id: string;
}

/** What the API server has sent is no list of namespaces in JSON. */
class UnreadableError extends StatusError {
  constructor(what: string) {
    super(502, `the API server's answer is not ${what} of namespaces`);
  }
}

/**
 * A list of namespaces in JSON: a NamespaceList, a PartialObjectMetadataList, or a Table whose rows have objects. What is taken out of its
 * text leaves the rest as it is. All of it takes linear time.
 */
export class NamespaceList {
  readonly #text: string;
  /** Undefined if it is no Table. */
  readonly #table: { readonly apiVersion: unknown; readonly columnDefinitions: unknown } | undefined;
  readonly #isPartial: boolean;
  readonly #array: Span | undefined;
  readonly version: string;
  readonly rows: readonly ListedRow[];

  /** @param before A list of the same request: if only the version has changed since, as often, the rows are not read again. */
  constructor(text: string, before?: NamespaceList) {
    const same = before?.sameRows(text);
    const list = parseObject(same === undefined ? text : `${text.slice(0, same.start)}[]}`);
    const { metadata, kind, apiVersion, columnDefinitions } = list ?? {};
    if (list === undefined || !isObject(metadata) || typeof metadata['resourceVersion'] !== 'string')
      throw new UnreadableError('a list');
    // It would hide what follows.
    if ((metadata['continue'] ?? '') !== '') throw new UnreadableError('a whole list');
    const isTable = kind === 'Table';
    const name = isTable ? 'rows' : 'items';
    const rows = list[name] ?? [];
    if (!Array.isArray(rows)) throw new UnreadableError('a list');
    this.#text = text;
    this.#table = isTable ? { apiVersion, columnDefinitions } : undefined;
    this.#isPartial = kind === 'PartialObjectMetadataList';
    this.version = metadata['resourceVersion'];
    this.#array = same ?? memberSpan(text, text.indexOf('{'), name);
    const start = this.#array?.start ?? 0;
    this.rows =
      same === undefined
        ? rows.length === 0
          ? []
          : elementSpans(text, start).map((span, index) => {
              const row = readRow(rows[index], isTable);
              return { ...row, id: idOf(row), start: span.start - start, end: span.end - start };
            })
        : (before as NamespaceList).rows;
  }

  /** Where the array of another text is that has the same rows, and nothing else behind what comes before them; undefined if it has others. */
  sameRows(text: string): Span | undefined {
    if (this.#array === undefined || this.rows.length === 0) return undefined;
    const rest = this.#text.slice(this.#array.start);
    const length = this.#array.end - this.#array.start;
    if (rest.slice(length).trim() !== '}' || !text.endsWith(rest)) return undefined;
    const start = text.length - rest.length;
    const isSame =
      this.#text.slice(this.#array.start - 10, this.#array.start) === text.slice(start - 10, start);
    return isSame ? { start, end: start + length } : undefined;
  }

  #textOf({ start, end }: ListedRow): string {
    const from = this.#array?.start ?? 0;
    return this.#text.slice(from + start, from + end);
  }

  #byId: ReadonlyMap<string, ListedRow> | undefined;

  /** Undefined if it has none. */
  rowOf(id: string): ListedRow | undefined {
    this.#byId ??= new Map(this.rows.map(row => [row.id, row]));
    return this.#byId.get(id);
  }

  /** The text of the list with only these rows, each in this form. */
  only(isShown: (row: ListedRow) => boolean, form = (row: string) => row): string {
    if (this.rows.length === 0) return this.#text;
    const { start, end } = this.#array as Span;
    const shown = this.rows.filter(isShown).map(row => form(this.#textOf(row)));
    return `${this.#text.slice(0, start)}[${shown.join(',')}]${this.#text.slice(end)}`;
  }

  /** The event that says that a row was added or deleted, at this version of the client's watch. */
  event(type: ChangeType, row: ListedRow, version = row.version): string {
    const text = withVersion(this.#textOf(row), this.#table !== undefined, version);
    if (this.#table !== undefined) return this.#tableEvent(type, text, version);
    // The items of a NamespaceList have neither a kind nor an apiVersion.
    const hasKind = memberSpan(text, 0, 'kind') !== undefined;
    return eventText(type, hasKind ? text : `{"kind":"Namespace","apiVersion":"v1",${text.slice(1)}`);
  }

  /** The event that says that a namespace is no longer shown, with nothing of it but which one it was. */
  farewell(id: string, version: string): string {
    const name = nameOfId(id);
    const uid = id.slice(name.length + 1);
    const metadata = { name, uid, resourceVersion: version };
    const table = this.#table;
    if (table === undefined) {
      const isPartial = this.#isPartial;
      const kind = isPartial ? partial : { kind: 'Namespace', apiVersion: 'v1' };
      return eventText('DELETED', JSON.stringify({ ...kind, metadata }));
    }
    const columns = Array.isArray(table.columnDefinitions) ? table.columnDefinitions : [];
    const cells = columns.map((_, index) => (index === 0 ? name : ''));
    return this.#tableEvent('DELETED', JSON.stringify({ cells, object: { ...partial, metadata } }), version);
  }

  #tableEvent(type: ChangeType, row: string, version: string): string {
    const { apiVersion, columnDefinitions } = this.#table ?? {};
    const head = JSON.stringify({ kind: 'Table', apiVersion, metadata: { resourceVersion: version } });
    return eventText(
      type,
      `${head.slice(0, -1)},"columnDefinitions":${JSON.stringify(columnDefinitions)},"rows":[${row}]}`,
    );
  }
}

const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };

function eventText(type: ChangeType, object: string): string {
  return `{"type":"${type}","object":${object}}`;
}

/** A row of a Table as with `includeObject=None`. */
export function withoutObject(row: string): string {
  const object = memberSpan(row, 0, 'object');
  return object === undefined ? row : replaced(row, object, 'null');
}

/** A row of a Table with another version of its object, or an object with another version. */
function withVersion(text: string, isRow: boolean, version: string): string {
  const object = isRow ? memberSpan(text, 0, 'object')?.start : 0;
  const metadata = object === undefined ? undefined : memberSpan(text, object, 'metadata');
  const span = metadata && memberSpan(text, metadata.start, 'resourceVersion');
  return span === undefined ? text : replaced(text, span, JSON.stringify(version));
}

function replaced(text: string, { start, end }: Span, value: string): string {
  return text.slice(0, start) + value + text.slice(end);
}

/** The namespace of an item of a list, of a row of a Table, or of an object. Throws an Error if it is none. */
function readRow(row: unknown, isTable: boolean): NamespaceRow {
  const object = isTable && isObject(row) ? row['object'] : row;
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const { name, uid, resourceVersion } = isObject(metadata) ? metadata : {};
  if (typeof name !== 'string' || name === '' || typeof uid !== 'string') throw new UnreadableError('a list');
  return { name, uid, version: typeof resourceVersion === 'string' ? resourceVersion : '' };
}

/** An event of the API server's watch of namespaces. */
export interface NamespaceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** Undefined for a bookmark and an error. */
  readonly row: NamespaceRow | undefined;
  /** Of the event; empty for an error. */
  readonly version: string;
  /** Whether it is the bookmark behind the initial events. */
  readonly endsInitialEvents: boolean;
  /** Whether it is about a Table. */
  readonly isTable: boolean;
}

const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

/** Reads an event in JSON. Throws an Error if it is none. */
export function readEvent(text: string): NamespaceEvent {
  const { type, object } = parseObject(text) ?? {};
  if (!types.has(type) || !isObject(object)) throw new UnreadableError('an event of a watch');
  const isTable = object['kind'] === 'Table';
  const of = { type: type as NamespaceEvent['type'], isTable, endsInitialEvents: false };
  if (type === 'ERROR') return { ...of, row: undefined, version: '' };
  const [first] = isTable && Array.isArray(object['rows']) ? object['rows'] : [];
  const metadata = metadataOf(isTable ? (isObject(first) ? first['object'] : undefined) : object);
  const version = String(metadata['resourceVersion'] ?? metadataOf(object)['resourceVersion'] ?? '');
  if (version === '') throw new UnreadableError('an event of a watch');
  if (type !== 'BOOKMARK') return { ...of, version, row: readRow(isTable ? first : object, isTable) };
  const { annotations } = metadata;
  const endsInitialEvents = isObject(annotations) && annotations['k8s.io/initial-events-end'] === 'true';
  return { ...of, version, row: undefined, endsInitialEvents };
}

function metadataOf(object: unknown): JsonObject {
  return isObject(object) && isObject(object['metadata']) ? object['metadata'] : {};
}
