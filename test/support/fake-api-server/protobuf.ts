import { messages } from './protobuf-schema.js';

interface Field {
  readonly number: number;
  /** A varint's value, or a length-delimited field's bytes. */
  readonly value: number | Buffer;
}

const magic = Buffer.from('k8s\0', 'latin1');

function readVarint(bytes: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length; at += 1, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at + 1];
  }
  throw new Error('proto: unexpected EOF');
}

function* readFields(bytes: Buffer): Generator<Field> {
  let at = 0;
  while (at < bytes.length) {
    const [tag, start] = readVarint(bytes, at);
    const [value, end] = readVarint(bytes, start);
    if ((tag & 7) === 0) {
      yield { number: tag >> 3, value };
      at = end;
    } else if ((tag & 7) === 2 && end + value <= bytes.length) {
      yield { number: tag >> 3, value: bytes.subarray(end, end + value) };
      at = end + value;
    } else {
      throw new Error(`proto: illegal wireType ${tag & 7}`);
    }
  }
}

function field(bytes: Buffer, number: number): number | Buffer | undefined {
  for (const item of readFields(bytes)) if (item.number === number) return item.value;
  return undefined;
}

function decodeValue(type: string, value: number | Buffer): unknown {
  if (typeof value === 'number') return type === 'b' ? value !== 0 : value;
  if (type === 's') return value.toString();
  if (type === 'y') return value.toString('base64');
  if (type === 'q') return field(value, 1) === 1 ? String(field(value, 3)) : field(value, 2);
  return decodeMessage(type, value);
}

// The generated encoders write empty values too, but JSON leaves them out.
function isEmpty(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}

function decodeMessage(name: string, bytes: Buffer): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { number, value } of readFields(bytes)) {
    const [key = '', type = ''] = messages[name]?.[number]?.split(':') ?? [];
    if (key === '') continue;
    if (type.startsWith('[')) {
      const list = (result[key] ?? []) as unknown[];
      result[key] = [...list, decodeValue(type.slice(1), value)];
    } else if (type.startsWith('{') && typeof value !== 'number') {
      const entryKey = String(field(value, 1) ?? '');
      const entry = decodeValue(type.slice(1), field(value, 2) ?? Buffer.alloc(0));
      result[key] = { ...(result[key] as object | undefined), [entryKey]: entry };
    } else {
      const decoded = decodeValue(type, value);
      if (!isEmpty(decoded)) result[key] = decoded;
    }
  }
  return result;
}

/**
 * Decodes `application/vnd.kubernetes.protobuf` (the magic bytes "k8s\0", then runtime.Unknown) into the JSON form. Fields
 * outside the schema above are dropped. Throws an error for other bytes and for a kind without a schema.
 */
export function decodeProtobuf(bytes: Buffer): Record<string, unknown> {
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new Error('provided data does not appear to be a protobuf message');
  const unknown = bytes.subarray(magic.length);
  const typeMeta = field(unknown, 1);
  const raw = field(unknown, 2);
  const meta = Buffer.isBuffer(typeMeta) ? typeMeta : Buffer.alloc(0);
  const [apiVersion, kind] = [String(field(meta, 1) ?? ''), String(field(meta, 2) ?? '')];
  if (!messages[kind]) throw new Error(`no protobuf schema for kind ${kind}`);
  return { apiVersion, kind, ...decodeMessage(kind, Buffer.isBuffer(raw) ? raw : Buffer.alloc(0)) };
}
