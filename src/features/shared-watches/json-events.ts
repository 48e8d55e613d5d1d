import { isObject } from '../../lib/json.js';
import { PendingBytes } from './pending-bytes.js';
import type { SharedBytes } from './shared-bytes.js';
import { isTable, TableEvents } from './table-events.js';
import {
  type EventReader,
  initialEventsEnd,
  isWatchEventType,
  parseVersion,
  uniformEvent,
  type WatchEvent,
} from './watch-event.js';

const lineFeed = 0x0a;
/**
 * How an event begins, apart from white space. Go writes the type first; an aggregated API server in another language may write the object
 * first. A list, or any other object, begins with another member.
 */
const beginnings = ['{"type":', '{"object":'];
/** How Go writes the beginning of an initial event. */
const added = Buffer.from('{"type":"ADDED",');
/** The bytes in which a beginning is looked for. */
const beginningLength = 32;

/**
 * Reads a watch in JSON. The API server writes each event in one line (apimachinery `serializer/json`: Go's encoder ends every value with a
 * newline and leaves none inside, whatever `pretty` says). If a member is repeated, the last one counts, as in Go. Go would merge two
 * objects of the same name; here the last one must be complete.
 */
export class JsonEventReader implements EventReader {
  readonly #pending = new PendingBytes();
  readonly #tables: TableEvents;
  consumed = 0;
  #isInitial: boolean;
  /** Whether nobody has to read an ADDED. */
  #skipsAdded = false;
  /** Whether the rest of a line is skipped. */
  #isSkipping = false;

  /**
   * @param isInitial Whether the response begins with the initial events. Until their bookmark has come, each ADDED but the first event is
   * skipped, neither kept nor told.
   */
  constructor(tables = new TableEvents(), isInitial = false) {
    this.#tables = tables;
    this.#isInitial = isInitial;
    tables.responseBegins();
  }

  read(chunk: Buffer, onEvent: (event: WatchEvent) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed) + 1; end !== 0; end = chunk.indexOf(lineFeed, start) + 1) {
      const part = chunk.subarray(start, end);
      start = end;
      this.consumed += this.#pending.length + part.length;
      if (!this.#skips(part)) this.#tell(this.#pending.takeWith(part), onEvent);
      this.#isSkipping = false;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** Whether a part of a line is skipped. */
  #skips(part: Buffer): boolean {
    return this.#isSkipping || (this.#skipsAdded && this.#pending.length === 0 && isAdded(part));
  }

  /** Keeps a part of a line. A list would come in one long line, and be kept whole before it could be parsed. */
  #keep(part: Buffer): void {
    if (this.#skips(part)) {
      this.#isSkipping = true;
      this.consumed += part.length;
      return;
    }
    const isBeginning = this.#pending.length < beginningLength;
    this.#pending.append(part);
    if (isBeginning && !mayBegin(this.#pending))
      throw new Error('a line of the watch does not begin as an event');
  }

  #tell(bytes: SharedBytes, onEvent: (event: WatchEvent) => void): void {
    if (this.#skipsAdded && isAdded(bytes.view())) return;
    const event = this.#parsed(bytes);
    if (event.endsInitialEvents) this.#isInitial = false;
    this.#skipsAdded = this.#isInitial;
    onEvent(event);
  }

  #parsed(bytes: SharedBytes): WatchEvent {
    const { type, object } = asObject(parse(bytes.view().toString('latin1')));
    if (!isWatchEventType(type)) throw new Error('a line of the watch has no valid event type');
    const { kind, apiVersion, metadata, columnDefinitions, rows } = asObject(object);
    if (type === 'ERROR') return uniformEvent(type, '', bytes);
    const { resourceVersion } = asObject(metadata);
    const version = typeof resourceVersion === 'string' ? parseVersion(resourceVersion) : undefined;
    if (version === undefined) throw new Error('an event of the watch has no numeric resourceVersion');
    const inTable = isTable(kind, apiVersion);
    const endsInitialEvents =
      type === 'BOOKMARK' && hasEndAnnotation(inTable ? metadataOfRow(rows) : metadata);
    const event = uniformEvent(type, version, bytes, endsInitialEvents);
    return inTable ? this.#tables.event(event, columnDefinitions) : event;
  }
}

function isAdded(line: Buffer): boolean {
  return line.length >= added.length && added.compare(line, 0, added.length) === 0;
}

/** Whether the bytes of an incomplete line may be those of an event. */
function mayBegin(pending: PendingBytes): boolean {
  let text = '';
  for (let index = 0; index < Math.min(pending.length, beginningLength); index++) {
    const character = String.fromCharCode(pending.at(index) as number);
    if (!' \t\r'.includes(character)) text += character;
  }
  return beginnings.some(beginning => text.startsWith(beginning) || beginning.startsWith(text));
}

/** The metadata of the object in a Table's only row. Without objects (`includeObject=None`) there is none. */
function metadataOfRow(rows: unknown): unknown {
  return Array.isArray(rows) && isObject(rows[0]) && isObject(rows[0]['object'])
    ? rows[0]['object']['metadata']
    : undefined;
}

function hasEndAnnotation(metadata: unknown): boolean {
  return (
    isObject(metadata) &&
    isObject(metadata['annotations']) &&
    metadata['annotations'][initialEventsEnd] === 'true'
  );
}

/** Parses a line that was read as Latin-1, which is faster than UTF-8. All names and values that are used here are ASCII. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // V8's message quotes the line, which may contain a Secret.
    throw new Error('a line of the watch is not valid JSON');
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('a line of the watch is not an event');
}
