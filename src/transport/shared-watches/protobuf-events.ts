import { PbfReader } from 'pbf';
import { checkEventSize, PendingBytes } from './pending-bytes.js';
import { parseVersion } from './resource-version.js';
import { type EventReader, isWatchEventType, uniformEvent, type WatchEvent } from './watch-event.js';

const prefixLength = 4;
/** The wire type of strings, bytes and messages. */
const lengthDelimited = 2;
const none = new Uint8Array();
const broken = 'a message of the watch is broken';
/** What an object in protobuf begins with; the WatchEvent around it does not (apimachinery `serializer/protobuf`). */
const magic = Buffer.from('k8s\0');

/**
 * Reads a watch in protobuf: metav1.WatchEvent behind its length, 4 bytes in big-endian order (apimachinery `util/framer`). Its object is
 * a RawExtension, which holds the magic and a runtime.Unknown, which holds the object itself. Numbers of fields are those of apimachinery's
 * generated.proto files.
 */
export class ProtobufEventReader implements EventReader {
  readonly #pending = new PendingBytes();

  get pending(): number {
    return this.#pending.length;
  }

  read(chunk: Buffer, onEvent: (event: WatchEvent) => void): void {
    for (let start = 0; start < chunk.length; ) {
      const missing = this.#missing(chunk, start);
      if (missing === undefined || start + missing > chunk.length) {
        this.#pending.append(chunk.subarray(start));
        return;
      }
      const bytes = this.#pending.takeWith(chunk.subarray(start, start + missing));
      start += missing;
      onEvent(parseEvent(bytes));
    }
  }

  /** How many bytes the event lacks that is pending or begins here; undefined until its length is whole. */
  #missing(chunk: Buffer, start: number): number | undefined {
    const { length: pending } = this.#pending;
    let length = 0;
    for (let index = 0; index < prefixLength; index++) {
      const byte = this.#pending.at(index) ?? chunk[start + index - pending];
      if (byte === undefined) return undefined;
      length = length * 256 + byte;
    }
    checkEventSize(prefixLength + length);
    return prefixLength + length - pending;
  }
}

function parseEvent(bytes: Buffer): WatchEvent {
  const event = bytes.subarray(prefixLength);
  const type = text(field(event, 1));
  if (!isWatchEventType(type)) throw new Error('a message of the watch has no type of an event');
  const object = objectIn(field(field(event, 2), 1));
  if (type === 'ERROR') return uniformEvent(type, '', bytes);
  // Every kind has its ObjectMeta in field 1, and that has resourceVersion in field 6.
  const version = parseVersion(text(field(field(object, 1), 6)));
  if (version === undefined) throw new Error('an event of the watch has no numeric resourceVersion');
  return uniformEvent(type, version, bytes);
}

/** The object in a runtime.Unknown. */
function objectIn(raw: Uint8Array): Uint8Array {
  const unknown = raw.subarray(magic.length);
  // An object in protobuf has neither contentEncoding nor contentType.
  const isProtobuf =
    magic.equals(raw.subarray(0, magic.length)) &&
    field(unknown, 3).length === 0 &&
    field(unknown, 4).length === 0;
  if (!isProtobuf) throw new Error('an object of the watch is not in protobuf');
  return field(unknown, 2);
}

/**
 * The value of a length-delimited field; empty without one. Throws an Error for broken messages, and for a field that comes twice, which
 * no encoder writes and decoders would have to merge.
 */
function field(message: Uint8Array, wanted: number): Uint8Array {
  const reader = new PbfReader(message);
  let value: Uint8Array | undefined;
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number !== wanted) continue;
    if (reader.type !== lengthDelimited || value !== undefined) throw new Error(broken);
    value = reader.readBytes();
  }
  // The library does not notice a length that leads past the end.
  if (reader.pos !== message.length) throw new Error(broken);
  return value ?? none;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
