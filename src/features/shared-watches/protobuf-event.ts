import { PbfReader } from 'pbf';
import { protobufEvents } from '../../lib/frames.js';
import { type EventFormat, initialEventsEnd, type ParsedEvent } from './watch-event.js';

/** The length before each message. */
const prefixLength = 4;
/** The wire type of strings, bytes and messages. */
const lengthDelimited = 2;
const none = new Uint8Array();
const broken = 'a message of the watch is broken';
/** The first bytes of an object in protobuf. A WatchEvent does not begin with them (apimachinery `serializer/protobuf`). */
const magic = Buffer.from('k8s\0');

/**
 * Events in protobuf. Each is a length (4 bytes, big-endian) and a metav1.WatchEvent (apimachinery `util/framer`). Its object is a
 * RawExtension, which contains the magic and a runtime.Unknown, which contains the object itself. The field numbers are those of
 * apimachinery's generated.proto files.
 */
export const protobuf: EventFormat = {
  frames: protobufEvents,
  isText: false,
  prefixLength,
  added: Buffer.from('\n\x05ADDED'),
  parse,
};

function parse(framed: Buffer): ParsedEvent {
  const event = framed.subarray(prefixLength);
  const type = text(field(event, 1));
  const object = objectIn(field(field(event, 2), 1));
  if (type === 'ERROR') return { type };
  // In every kind, field 1 is its ObjectMeta. Field 6 of that is resourceVersion, and field 12 are the annotations.
  const metadata = field(object, 1);
  const endsInitialEvents = type === 'BOOKMARK' && fields(metadata, 12).some(isEndAnnotation);
  return { type, resourceVersion: text(field(metadata, 6)), endsInitialEvents };
}

/** Whether an entry of a map, its key and its value, is the annotation of the bookmark after the initial events. */
function isEndAnnotation(entry: Uint8Array): boolean {
  return text(field(entry, 1)) === initialEventsEnd && text(field(entry, 2)) === 'true';
}

/** The object in a runtime.Unknown. */
function objectIn(raw: Uint8Array): Uint8Array {
  const unknown = raw.subarray(magic.length);
  // An object in protobuf has no contentEncoding and no contentType.
  const isProtobuf =
    magic.equals(raw.subarray(0, magic.length)) &&
    field(unknown, 3).length === 0 &&
    field(unknown, 4).length === 0;
  if (!isProtobuf) throw new Error('an object of the watch is not in protobuf');
  return field(unknown, 2);
}

/**
 * The value of a length-delimited field; empty if the message has no such field. Throws an Error for broken messages. Throws also for a
 * repeated field, which no encoder writes and a decoder would have to merge.
 */
function field(message: Uint8Array, wanted: number): Uint8Array {
  const [value = none, ...others] = fields(message, wanted);
  if (others.length > 0) throw new Error(broken);
  return value;
}

/** All values of a length-delimited field. Throws an Error for broken messages. */
function fields(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new PbfReader(message);
  const values: Uint8Array[] = [];
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number !== wanted) continue;
    if (reader.type !== lengthDelimited) throw new Error(broken);
    values.push(reader.readBytes());
  }
  // The library does not notice a length that goes past the end.
  if (reader.pos !== message.length) throw new Error(broken);
  return values;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
