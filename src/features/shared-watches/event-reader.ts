import { MIMEType } from 'node:util';
import { fieldValue, hasField } from '../../http/header-fields.js';
import { type FrameSink, WholeFrames } from '../common/whole-frames.js';
import { json } from './json-event.js';
import { protobuf } from './protobuf-event.js';
import { SharedBytes } from './shared-bytes.js';
import { TableEvents } from './table-events.js';
import {
  type EventFormat,
  isWatchEventType,
  parseVersion,
  uniformEvent,
  type WatchEvent,
} from './watch-event.js';

/** The most bytes of an event. Real ones are smaller: etcd accepts requests of 1.5 MB, and an event contains one object. */
const longestEvent = 64 * 1024 * 1024;

/** Reads the events of one watch response, or throws an Error for bytes that are none. Then it must not be used any more. */
export class EventReader implements FrameSink {
  readonly #format: EventFormat;
  readonly #tables: TableEvents;
  readonly #frames: WholeFrames;
  #isInitial: boolean;
  /** Whether nobody has to read an ADDED. */
  #skipsAdded = false;
  #onEvent: (event: WatchEvent, end: number) => void = () => {};

  /**
   * @param isInitial Whether the response begins with the initial events. Until their bookmark has come, each ADDED but the first event is
   * skipped, neither kept nor told.
   */
  constructor(format: EventFormat, tables = new TableEvents(), isInitial = false) {
    this.#format = format;
    this.#tables = tables;
    this.#frames = new WholeFrames(format.frames(), longestEvent, this);
    this.#isInitial = isInitial;
  }

  /** Whether all events that have begun are whole. */
  get isBetween(): boolean {
    return this.#frames.isBetween;
  }

  /**
   * Calls back for each event that is whole with these bytes, with the position behind it in them. Events have memory of their own: the caller
   * may overwrite the bytes after the call.
   */
  read(bytes: Buffer, onEvent: (event: WatchEvent, end: number) => void): void {
    this.#onEvent = onEvent;
    this.#frames.read(bytes);
  }

  skips(beginning: Buffer, isWhole: boolean): boolean {
    const { added, prefixLength: at } = this.#format;
    if (this.#skipsAdded && added.equals(beginning.subarray(at, at + added.length))) return true;
    if (!isWhole) this.#format.checkBeginning?.(beginning);
    return false;
  }

  frame(pieces: readonly Buffer[], end: number): void {
    const event = this.#event(new SharedBytes(pieces));
    if (event.endsInitialEvents) this.#isInitial = false;
    this.#skipsAdded = this.#isInitial;
    this.#onEvent(event, end);
  }

  #event(bytes: SharedBytes): WatchEvent {
    const { type, resourceVersion, endsInitialEvents, table } = this.#format.parse(bytes.view());
    if (!isWatchEventType(type)) throw new Error('an event of the watch has no valid type');
    if (type === 'ERROR') return uniformEvent(type, '', bytes);
    const version = typeof resourceVersion === 'string' ? parseVersion(resourceVersion) : undefined;
    if (version === undefined) throw new Error('an event of the watch has no numeric resourceVersion');
    const event = uniformEvent(type, version, bytes, endsInitialEvents);
    return table === undefined ? event : this.#tables.event(event, table.columnDefinitions);
  }
}

/**
 * The format of the events of a response with these header fields; undefined if they cannot be shared: CBOR, compressed responses, and formats
 * that this program does not know. A response with a Content-Length is no watch, because the end of a watch is not known before. The API server sends `application/json`, for Tables too, and
 * `application/vnd.kubernetes.protobuf;stream=watch` (apiserver `endpoints/handlers/watch.go`).
 */
export function eventFormatOf(headers: readonly string[]): EventFormat | undefined {
  if (hasField(headers, 'content-length')) return undefined;
  const encoding = fieldValue(headers, 'content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return undefined;
  const type = mediaType(fieldValue(headers, 'content-type'));
  if (type === undefined) return undefined;
  const { essence, params } = type;
  const stream = params.get('stream');
  for (const [name, value] of params) {
    if (name !== 'stream' && (name !== 'charset' || value.toLowerCase() !== 'utf-8')) return undefined;
  }
  if (essence === 'application/json' && (stream === null || stream === 'watch')) return json;
  return essence === 'application/vnd.kubernetes.protobuf' && stream === 'watch' ? protobuf : undefined;
}

function mediaType(text: string | undefined): MIMEType | undefined {
  if (text === undefined) return undefined;
  try {
    return new MIMEType(text);
  } catch {
    return undefined;
  }
}
