import type { ListMeta, ObjectMeta } from 'kubernetes-types/meta/v1.js';
import { type EventFields, eventOf } from './events.js';
import type { ApiObject, ObjectList, WireList } from './objects.js';

/** One column of a table (apimachinery `TableColumnDefinition`). */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  /** Columns with 0 are always shown, the others only in a wide view, like `-o wide` of kubectl. */
  readonly priority: number;
}

/** The row of one object. */
export interface Row {
  readonly namespace: string;
  readonly name: string;
  readonly cells: readonly unknown[];
  readonly metadata: Readonly<ObjectMeta>;
  /** Undefined for other objects than events. */
  readonly event?: EventFields | undefined;
}

/** A table, or one page of it. */
export interface Table {
  /** Empty if the server has sent the same columns before. */
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly resourceVersion: string;
  readonly continue: string;
  readonly remaining: number;
}

/** The key of a row. */
export function keyOf({ namespace, name }: Pick<Row, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

interface WireTable {
  readonly kind: 'Table';
  readonly metadata?: ListMeta;
  readonly columnDefinitions?: WireList<Partial<Column>>;
  readonly rows?: WireList<{ readonly cells: WireList<unknown>; readonly object?: ApiObject | null }>;
}

/** Reads a table. If the server sends none (some aggregated APIs do not), it makes one of names and ages. */
export function readTable(answer: ApiObject): Table {
  const meta = (answer.metadata ?? {}) as ListMeta;
  const rest = {
    resourceVersion: meta.resourceVersion ?? '',
    continue: meta.continue ?? '',
    remaining: meta.remainingItemCount ?? 0,
  };
  if (answer.kind !== 'Table') {
    const { items } = answer as ObjectList;
    const objects = items ?? (answer.metadata?.name === undefined ? [] : [answer]);
    const rows = objects.map(({ metadata = {} }) =>
      rowOf([metadata.name, metadata.creationTimestamp], metadata),
    );
    return { columns: nameAndAge, rows, ...rest };
  }
  const { columnDefinitions, rows } = answer as unknown as WireTable;
  return {
    columns: (columnDefinitions ?? []).map(column => ({
      name: column.name ?? '',
      type: column.type ?? 'string',
      description: column.description ?? '',
      priority: column.priority ?? 0,
    })),
    rows: (rows ?? []).map(({ cells, object }) => rowOf(cells ?? [], object?.metadata ?? {}, object ?? {})),
    ...rest,
  };
}

const nameAndAge: readonly Column[] = ['Name', 'Age'].map(name => {
  return { name, type: 'string', description: '', priority: 0 };
});

function rowOf(cells: readonly unknown[], metadata: ObjectMeta, object: ApiObject = {}): Row {
  const { namespace = '', name = String(cells[0]) } = metadata;
  return { namespace, name, cells, metadata, event: eventOf(object) };
}

/** Whether a column is the age of the object itself, which the page keeps counting. */
export function isAge({ name }: Column): boolean {
  return name === 'Age';
}

/** Whether the column contains times that the server turned into ages when it sent them. */
export function isPastTime({ name, type }: Column): boolean {
  return type === 'date' || /^(?:Last Seen|First Seen|Last Schedule)$/.test(name);
}

/** The rows whose names contain a text, in any case, or for events their reason or object. */
export function rowsNamed<R extends Row>(
  rows: Iterable<R>,
  text: string,
  columns: readonly Column[],
): readonly R[] {
  const wanted = text.trim().toLowerCase();
  const searched = [...columns.keys()].filter(at => /^(?:Reason|Object)$/.test(columns[at]?.name ?? ''));
  const has = (value: unknown) => String(value).toLowerCase().includes(wanted);
  return [...rows].filter(
    ({ name, cells, event }) => has(name) || (event !== undefined && searched.some(at => has(cells[at]))),
  );
}

/** A key that sorts strings as people do: without case, and numbers by their value. An Intl.Collator takes ten times as long. */
function orderKey(text: string): string {
  return text.toLowerCase().replace(/\d+/g, digits => digits.padStart(14, '0'));
}

/** Names in the order of rows. */
export function inOrder(names: readonly string[]): string[] {
  return names
    .map(name => ({ name, key: orderKey(name) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ name }) => name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The value that rows are sorted by: the cell of a column, or the namespace for index -1. */
export interface Order {
  readonly column: Column;
  readonly index: number;
  readonly isDescending: boolean;
}

/**
 * The rows in an order. Rows that are equal in it, or all rows if there is no order, are sorted by namespace and name; without an order,
 * events by time, the newest first.
 */
export function sortRows<R extends Row>(rows: readonly R[], order: Order | undefined): R[] {
  // A younger object has a lower age.
  const isByAge = order !== undefined && (isAge(order.column) || order.column.name === 'Last Seen');
  const sign = order !== undefined && order.isDescending !== isByAge ? -1 : 1;
  const textOf = ({ cells, namespace, metadata, event }: R): string => {
    if (order === undefined) return '';
    if (order.index < 0) return namespace;
    if (isByAge && event !== undefined) return String(event.time);
    return isByAge ? (metadata.creationTimestamp ?? '') : String(cells[order.index] ?? '');
  };
  return rows
    .map(row => ({
      row,
      time: order === undefined ? (row.event?.time ?? 0) : 0,
      key: orderKey(textOf(row)),
      name: orderKey(`${row.namespace}/${row.name}`),
    }))
    .sort((a, b) => b.time - a.time || sign * compare(a.key, b.key) || compare(a.name, b.name))
    .map(({ row }) => row);
}
