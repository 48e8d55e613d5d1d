import { isRecord, type KubeObject } from './objects.js';
import { messages } from './protobuf-schema.js';

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function bytesField(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as Buffer);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function intOrString(value: unknown): Buffer {
  if (typeof value === 'number') return Buffer.concat([numberField(1, 0), numberField(2, value)]);
  return Buffer.concat([numberField(1, 1), bytesField(3, String(value))]);
}

function encodeValue(number: number, type: string, value: unknown): Buffer {
  if (type === 'i' || type === 'b') return numberField(number, Number(value));
  if (type === 's') return bytesField(number, String(value));
  if (type === 'y') return bytesField(number, Buffer.from(String(value), 'base64'));
  if (type === 'q') return bytesField(number, intOrString(value));
  return bytesField(number, encodeMessage(type, isRecord(value) ? value : {}));
}

function encodeField(number: number, type: string, value: unknown): Buffer {
  if (type.startsWith('[')) {
    const items = Array.isArray(value) ? value : [];
    return Buffer.concat(items.map(item => encodeValue(number, type.slice(1), item)));
  }
  if (!type.startsWith('{')) return encodeValue(number, type, value);
  // Go's encoders sort the keys of maps.
  const entries = Object.entries(isRecord(value) ? value : {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(
    entries.map(([key, item]) => {
      const entry = Buffer.concat([bytesField(1, key), encodeValue(2, type.slice(1), item)]);
      return bytesField(number, entry);
    }),
  );
}

function encodeMessage(name: string, value: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.concat(
    Object.entries(messages[name] ?? {}).map(([number, field]) => {
      const [key = '', type = ''] = field.split(':');
      return value[key] === undefined ? Buffer.alloc(0) : encodeField(Number(number), type, value[key]);
    }),
  );
}

/** Whether this server has a schema for objects of the kind. */
export function hasProtobuf(kind: string): boolean {
  return messages[kind] !== undefined;
}

/** An object as `application/vnd.kubernetes.protobuf`: the magic bytes, then runtime.Unknown. Fields outside the schema are left out. */
export function encodeProtobuf(object: Readonly<Record<string, unknown>>): Buffer {
  const { apiVersion, kind } = object as KubeObject;
  const typeMeta = Buffer.concat([bytesField(1, apiVersion), bytesField(2, kind)]);
  const unknown = [bytesField(1, typeMeta), bytesField(2, encodeMessage(kind, object))];
  return Buffer.concat([Buffer.from('k8s\0'), ...unknown, bytesField(3, ''), bytesField(4, '')]);
}

/** A watch event after its length (4 bytes, big-endian): metav1.WatchEvent without the magic bytes, around the encoded object. */
export function protobufWatchEvent(type: string, object: Readonly<Record<string, unknown>>): Buffer {
  const raw = bytesField(1, encodeProtobuf(object));
  const event = Buffer.concat([bytesField(1, type), bytesField(2, raw)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}
