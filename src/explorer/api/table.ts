import type { ApiObject, ObjectList, ObjectMeta } from './objects.js';

/** One column of a table (apimachinery `TableColumnDefinition`). */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  /** Columns of 0 are always shown; others as kubectl does with `-o wide`. */
  readonly priority: number;
}

/** One object's row. */
export interface Row {
  readonly namespace: string;
  readonly name: string;
  readonly cells: readonly unknown[];
  readonly metadata: ObjectMeta;
}

/** A table, or a page of one. */
export interface Table {
  /** Empty where the same were sent before. */
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly resourceVersion: string;
  readonly continue: string;
  readonly remaining: number;
}

/** The name, by which a row is found again. */
export function keyOf({ namespace, name }: Pick<Row, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

interface WireTable {
  readonly kind: 'Table';
  readonly metadata?: ListMeta;
  readonly columnDefinitions?: readonly Partial<Column>[] | null;
  readonly rows?: readonly { readonly cells: readonly unknown[]; readonly object?: ApiObject }[] | null;
}

interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Reads a table; a server that has none (an aggregated API may not) gets one of names and ages. */
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
    rows: (rows ?? []).map(({ cells, object }) => rowOf(cells, object?.metadata ?? {})),
    ...rest,
  };
}

const nameAndAge: readonly Column[] = ['Name', 'Age'].map(name => {
  return { name, type: 'string', description: '', priority: 0 };
});

function rowOf(cells: readonly unknown[], metadata: ObjectMeta): Row {
  const { namespace = '', name = String(cells[0]) } = metadata;
  return { namespace, name, cells, metadata };
}

/** Whether a column is the age of the object itself, which the page counts on. */
export function isAge({ name }: Column): boolean {
  return name === 'Age';
}

const collator = new Intl.Collator('en', { numeric: true });

/** Rows in the order of a column: numbers and times as such, everything else as text with numbers in it; then by name. */
export function sortRows<R extends Row>(
  rows: readonly R[],
  {
    column,
    index,
    isDescending,
  }: { readonly column: Column | undefined; readonly index: number; readonly isDescending: boolean },
): R[] {
  const sign = isDescending ? -1 : 1;
  const byName = (a: R, b: R) =>
    collator.compare(a.namespace, b.namespace) || collator.compare(a.name, b.name);
  if (column === undefined) return [...rows].sort(byName);
  const textOf = ({ cells, namespace, metadata }: R): string => {
    if (index < 0) return namespace;
    // The younger one has the lower age.
    return isAge(column) ? (metadata.creationTimestamp ?? '') : String(cells[index] ?? '');
  };
  const order = isAge(column) ? -sign : sign;
  return rows
    .map(row => ({ row, value: textOf(row) }))
    .sort((a, b) => order * collator.compare(a.value, b.value) || byName(a.row, b.row))
    .map(({ row }) => row);
}
