import { memberSpan, type Span } from '../common/json-member.js';
import { SharedBytes } from './shared-bytes.js';
import type { WatchEvent } from './watch-event.js';

const noColumns = Buffer.from('null');
const noList = 'a Table of the watch has no columnDefinitions';

/** A Table has other columns than those before. */
export class ColumnsChangedError extends Error {
  override readonly message = 'the columns of the Tables have changed';
}

/** Whether an object is a Table of metav1 or metav1beta1. Another API group may have a kind with this name. */
export function isTable(kind: unknown, apiVersion: unknown): boolean {
  return kind === 'Table' && typeof apiVersion === 'string' && apiVersion.startsWith('meta.k8s.io/');
}

/**
 * The Tables of one watch. The API server sends `columnDefinitions` in the first event of a response, and null in later ones (apiserver
 * `endpoints/handlers/response.go`, `NoHeaders`). A few later ones may have them too: it sends what it has encoded for another response
 * that began with this event. Here each event can be the first or a later one for a client; the two forms differ only in the value of
 * this member, and only the first one has columns. Tables exist only in JSON (apiserver `endpoints/handlers/rest.go`,
 * `AllowsMediaTypeTransform`).
 */
export class TableEvents {
  /** The columns of the watch's first Table, or those that it must have. */
  columns: Buffer | undefined;
  /** Whether the next Table is the first one of the response. */
  #begins = true;
  /** The last event that was changed into a first event. Clients usually begin with the newest event, so one is enough. */
  #latest: { readonly event: WatchEvent; readonly first: SharedBytes } | undefined;

  /**
   * Returns the event with both forms: as a first event, and as a later one. Throws an Error if one of the forms cannot be made.
   *
   * @param columns The parsed `columnDefinitions` of the event.
   */
  event(event: WatchEvent, columns: unknown): WatchEvent {
    const hasColumns = Array.isArray(columns) && columns.length > 0;
    if (this.#begins && !hasColumns) throw new Error('the first Table of the response has no columns');
    this.#begins = false;
    if (hasColumns) {
      const line = event.bytes.view();
      const span = columnsSpan(line);
      const found = line.subarray(span.start, span.end);
      this.columns ??= Buffer.from(found);
      if (!found.equals(this.columns)) throw new ColumnsChangedError();
      return new TableEvent(event, replaced(line, span, noColumns), this);
    }
    if (columns !== null && !Array.isArray(columns)) throw new Error(noList);
    return new TableEvent(event, event.bytes, this);
  }

  /** The event in its form as the first event of a watch. */
  first(event: WatchEvent): SharedBytes {
    if (this.#latest?.event !== event) {
      const line = event.bytes.view();
      this.#latest = { event, first: replaced(line, columnsSpan(line), this.columns ?? noColumns) };
    }
    return this.#latest.first;
  }
}

class TableEvent implements WatchEvent {
  readonly type;
  readonly version;
  readonly bytes;
  readonly endsInitialEvents;
  readonly #tables: TableEvents;

  constructor({ type, version, endsInitialEvents }: WatchEvent, bytes: SharedBytes, tables: TableEvents) {
    this.type = type;
    this.version = version;
    this.endsInitialEvents = endsInitialEvents;
    this.bytes = bytes;
    this.#tables = tables;
  }

  /** Created on demand, because few events are the first one of a client. */
  get first(): SharedBytes {
    return this.#tables.first(this);
  }
}

/** Finds the value of `columnDefinitions` in a line. Throws an Error if there is none. */
function columnsSpan(line: Buffer): Span {
  // One character per byte, so that offsets in the string and in the buffer are the same.
  const text = line.toString('latin1');
  const object = memberSpan(text, text.indexOf('{'), 'object');
  const columns = object && memberSpan(text, object.start, 'columnDefinitions');
  if (columns === undefined) throw new Error(noList);
  return columns;
}

/** The line with `value` in place of the span. */
function replaced(line: Buffer, { start, end }: Span, value: Buffer): SharedBytes {
  return new SharedBytes([line.subarray(0, start), value, line.subarray(end)]);
}
