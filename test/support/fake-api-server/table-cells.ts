import { isRecord, type KubeObject } from './objects.js';

/** The definition of a Table's column. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

/** The cells of an object after its name. '\0' stands for its age, so that the age can be in any column. */
export type Cells = (object: KubeObject) => unknown[];

/** How a resource is printed. */
export interface Printer {
  readonly columns: readonly Column[];
  readonly cells: Cells;
}

/** A column; a priority above 0 means that only wide output shows it. */
export function column(name: string, type = 'string', priority = 0): Column {
  return { name, type, format: name === 'Name' ? 'name' : '', description: '', priority };
}

/** A duration as kubectl shows it in AGE: at most two units, like `duration.HumanDuration`. */
export function age(since: unknown, until = Date.now()): string {
  if (typeof since !== 'string') return '<unknown>';
  const seconds = Math.max(0, Math.floor((until - Date.parse(since)) / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** The value at the path of these field names; undefined if there is none. */
export function field(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

/** The same for a list of objects. */
export function items(object: unknown, ...path: readonly string[]): Record<string, unknown>[] {
  const value = field(object, ...path);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
