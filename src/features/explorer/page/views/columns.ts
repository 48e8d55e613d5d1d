import type { Column, Row } from '../api/table.js';

/** A column of the page: one of the server's, or the namespace (index -1). */
export interface Shown {
  readonly column: Column;
  readonly index: number;
}

/** Which columns are shown. */
interface Choice {
  /** Whether the list is over all namespaces. */
  readonly isOverAll: boolean;
  /** Whether columns of lower priority are shown too. */
  readonly isWide: boolean;
  /** Whether the screen is that of a phone: then name and status come first, so that both are on it, and the namespace is below the name. */
  readonly isNarrow: boolean;
}

const namespaceColumn: Column = { name: 'Namespace', type: 'string', description: '', priority: 0 };

/** The columns of a list, in their order. */
export function shownColumns(
  columns: readonly Column[],
  { isOverAll, isWide, isNarrow }: Choice,
): readonly Shown[] {
  const shown = [
    ...(isOverAll && !isNarrow ? [{ column: namespaceColumn, index: -1 }] : []),
    ...columns
      .map((column, index) => ({ column, index }))
      .filter(({ column }) => isWide || column.priority === 0),
  ];
  const status = shown.find(isStatus);
  if (!isNarrow || status === undefined) return shown;
  const name = shown.find(isName);
  const first = name === undefined ? [status] : [name, status];
  return [...first, ...shown.filter(entry => !first.includes(entry))];
}

/** The text of a cell. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * The widths of the columns in characters: enough for most of the first rows. On a phone, a name leaves room for the status, which may
 * become ContainerCreating.
 */
export function columnWidths(
  shown: readonly Shown[],
  rows: readonly Row[],
  isNarrow: boolean,
): readonly number[] {
  const hasStatus = shown.some(isStatus);
  return shown.map(entry => {
    const { column, index } = entry;
    const lengths = rows
      .slice(0, 200)
      .map(({ cells, namespace }) => textOf(index < 0 ? namespace : cells[index]).length);
    const width = Math.min(48, Math.max(column.name.length + 3, 7, ...lengths)) + 3;
    if (!isNarrow || !hasStatus) return width;
    return isName(entry) ? Math.min(23, width) : isStatus(entry) ? 18 : width;
  });
}

function isName({ column }: Shown): boolean {
  return column.name === 'Name';
}

function isStatus({ column }: Shown): boolean {
  return column.name === 'Status' || column.name === 'Phase';
}
