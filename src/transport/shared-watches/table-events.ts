import { memberSpan, type Span } from './json-member.js';
import type { WatchEvent } from './watch-event.js';

const noColumns = Buffer.from('null');
const noList = 'a Table of the watch has no columnDefinitions';

/** Whether an object is a Table of metav1 or metav1beta1; another group may have a kind of this name. */
export function isTable(kind: unknown, apiVersion: unknown): boolean {
  return kind === 'Table' && typeof apiVersion === 'string' && apiVersion.startsWith('meta.k8s.io/');
}

/**
 * The Tables of one watch. The API server sends `columnDefinitions` in a watch's first event, and null in later ones (apiserver
 * `endpoints/handlers/response.go`, `NoHeaders`). Here each event can be the first one or a later one: nothing but the value of this
 * member differs. Tables exist in JSON alone (apiserver `endpoints/handlers/rest.go`, `AllowsMediaTypeTransform`).
 */
export class TableEvents {
  /** Those of the watch's first Table. */
  #columns: Buffer | undefined;
  /** One for all clients that begin with the same event. It is the newest one as a rule, so that no more than one is kept. */
  #latest: { readonly event: WatchEvent; readonly first: Buffer } | undefined;

  /**
   * The event with a first form of its own. Throws an Error for a Table of which not both forms can be made.
   *
   * @param columns Its `columnDefinitions`, parsed.
   */
  event(event: WatchEvent, columns: unknown): WatchEvent {
    const hasColumns = Array.isArray(columns) && columns.length > 0;
    if (this.#columns === undefined) {
      if (!hasColumns) throw new Error('the first Table of the watch has no columns');
      const span = columnsSpan(event.bytes);
      this.#columns = Buffer.from(event.bytes.subarray(span.start, span.end));
      return new TableEvent(event, replaced(event.bytes, span, noColumns), this);
    }
    // Another server may send them with every event.
    if (hasColumns) return event;
    if (columns !== null && !Array.isArray(columns)) throw new Error(noList);
    return new TableEvent(event, event.bytes, this);
  }

  /** The event as a watch's first one. */
  first(event: WatchEvent): Buffer {
    if (this.#latest?.event !== event) {
      const { bytes } = event;
      this.#latest = { event, first: replaced(bytes, columnsSpan(bytes), this.#columns ?? noColumns) };
    }
    return this.#latest.first;
  }
}

class TableEvent implements WatchEvent {
  readonly type;
  readonly version;
  readonly bytes;
  readonly hasOwnFirst = true;
  readonly #tables: TableEvents;

  constructor({ type, version }: WatchEvent, bytes: Buffer, tables: TableEvents) {
    this.type = type;
    this.version = version;
    this.bytes = bytes;
    this.#tables = tables;
  }

  /** Made when it is asked for: few events are some client's first one. */
  get first(): Buffer {
    return this.#tables.first(this);
  }
}

/** Where the value of `columnDefinitions` lies in a line that has one. */
function columnsSpan(line: Buffer): Span {
  // A character a byte, so that offsets are the same.
  const text = line.toString('latin1');
  const object = memberSpan(text, text.indexOf('{'), 'object');
  const columns = object && memberSpan(text, object.start, 'columnDefinitions');
  if (columns === undefined) throw new Error(noList);
  return columns;
}

/** A copy with another value in the span, in memory of its own. */
function replaced(bytes: Buffer, { start, end }: Span, value: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length - (end - start) + value.length);
  bytes.copy(copy, 0, 0, start);
  value.copy(copy, start);
  bytes.copy(copy, start + value.length, end);
  return copy;
}
