import { memberSpan, type Span } from '../../lib/json-member.js';
import { withoutObject } from './namespace-rows.js';

/** What a client is sent of its watch: events of several answers of the API server, as if they were of one. */
export class EventLines {
  readonly #withoutObjects: boolean;
  /** The column definitions of Tables, which only the first event of a watch has. */
  #columns = 'null';
  #hasBegun = false;

  constructor(withoutObjects: boolean) {
    this.#withoutObjects = withoutObjects;
  }

  /** An event has come that may have the columns, whether the client gets it or not. */
  sawTable(text: string): void {
    const { value } = columnsOf(text);
    if (value !== undefined && value !== 'null' && value !== '[]') this.#columns = value;
  }

  /** The line of an event that has a Table, for this client. */
  ofTable(text: string): string {
    this.sawTable(text);
    const { span } = columnsOf(text);
    const columns = this.#hasBegun ? 'null' : this.#columns;
    this.#hasBegun = true;
    const fitted = span === undefined ? text : text.slice(0, span.start) + columns + text.slice(span.end);
    return this.#withoutObjects ? withoutObjects(fitted) : fitted;
  }
}

/** An event of another type. */
export function withType(text: string, type: string): string {
  const span = memberSpan(text, text.indexOf('{'), 'type');
  return span === undefined ? text : `${text.slice(0, span.start)}"${type}"${text.slice(span.end)}`;
}

function columnsOf(text: string): { readonly span: Span | undefined; readonly value: string | undefined } {
  const object = memberSpan(text, text.indexOf('{'), 'object');
  const span = object && memberSpan(text, object.start, 'columnDefinitions');
  return { span, value: span && text.slice(span.start, span.end) };
}

/** An event whose only row has no object. */
function withoutObjects(text: string): string {
  const object = memberSpan(text, text.indexOf('{'), 'object');
  const rows = object && memberSpan(text, object.start, 'rows');
  if (rows === undefined || text[rows.start] !== '[') return text;
  const row = text.indexOf('{', rows.start);
  if (row === -1 || row > rows.end) return text;
  const end = rows.end - 1;
  return text.slice(0, row) + withoutObject(text.slice(row, end)) + text.slice(end);
}
