import { PbfReader, PbfWriter } from 'pbf';
import type { KubeObject } from './objects.js';
import { unsupportedMediaType } from './status-failure.js';

type Message = Record<string, unknown>;

const magic = Buffer.from('k8s\0', 'latin1');

/**
 * Fields of the messages that this server reads and writes as protobuf, as `NAME:TYPE` by field number. Types: s string, i varint, or a
 * message; `{T` is a map with string keys, which is only written. Numbers are those of the
 * published generated.proto files of k8s.io/api and k8s.io/apimachinery. `kubectl auth` sends the reviews, and tests watch the rest.
 */
const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  TypeMeta: { 1: 'apiVersion:s', 2: 'kind:s' },
  ObjectMeta: {
    1: 'name:s',
    3: 'namespace:s',
    5: 'uid:s',
    6: 'resourceVersion:s',
    11: 'labels:{s',
    12: 'annotations:{s',
  },
  ConfigMap: { 1: 'metadata:ObjectMeta', 2: 'data:{s' },
  SelfSubjectReview: { 1: 'metadata:ObjectMeta' },
  SelfSubjectAccessReview: { 1: 'metadata:ObjectMeta', 2: 'spec:SelfSubjectAccessReviewSpec' },
  SelfSubjectAccessReviewSpec: {
    1: 'resourceAttributes:ResourceAttributes',
    2: 'nonResourceAttributes:NonResourceAttributes',
  },
  ResourceAttributes: {
    1: 'namespace:s',
    2: 'verb:s',
    3: 'group:s',
    4: 'version:s',
    5: 'resource:s',
    6: 'subresource:s',
    7: 'name:s',
  },
  NonResourceAttributes: { 1: 'path:s', 2: 'verb:s' },
  SelfSubjectRulesReview: { 1: 'metadata:ObjectMeta', 2: 'spec:SelfSubjectRulesReviewSpec' },
  SelfSubjectRulesReviewSpec: { 1: 'namespace:s' },
  PartialObjectMetadata: { 1: 'metadata:ObjectMeta' },
  Status: { 2: 'status:s', 3: 'message:s', 4: 'reason:s', 6: 'code:i' },
};

/** Whether this server has a schema for objects of the kind. */
export function hasProtobuf(kind: string): boolean {
  return messages[kind] !== undefined;
}

/** Name and type of a field, or nothing if the schema does not have it. */
function fieldOf(message: string, number: number): readonly string[] {
  return messages[message]?.[number]?.split(':') ?? [];
}

function readValue(pbf: PbfReader, type: string): unknown {
  if (type === 's') return pbf.readString();
  return pbf.readMessage(fieldReader(type), {});
}

function fieldReader(message: string): (number: number, result: Message, pbf: PbfReader) => void {
  return (number, result, pbf) => {
    const [key = '', type = ''] = fieldOf(message, number);
    if (type !== '') {
      const value = readValue(pbf, type);
      // The generated encoders write empty values too, but JSON leaves them out.
      if (value !== '') result[key] = value;
    }
  };
}

/**
 * Decodes `application/vnd.kubernetes.protobuf` (the magic bytes "k8s\0", then runtime.Unknown) into the JSON form. Fields
 * outside the schema are dropped. Throws 415 for a kind without a schema.
 */
export function decodeProtobuf(bytes: Buffer): Message {
  const { typeMeta, raw } = new PbfReader(bytes.subarray(magic.length)).readFields(
    (number, result, pbf) => {
      if (number === 1) pbf.readMessage(fieldReader('TypeMeta'), result.typeMeta);
      else if (number === 2) result.raw = pbf.readBytes();
    },
    { typeMeta: {} as { kind?: string }, raw: new Uint8Array() as Uint8Array },
  );
  const { kind = '' } = typeMeta;
  if (!hasProtobuf(kind)) throw unsupportedMediaType(['application/json', 'application/yaml']);
  return { ...typeMeta, ...new PbfReader(raw).readFields(fieldReader(kind), {}) };
}

function writeValue(pbf: PbfWriter, number: number, type: string, value: unknown): void {
  if (type === 's') pbf.writeStringField(number, String(value));
  else if (type === 'i') pbf.writeVarintField(number, Number(value));
  else if (type.startsWith('{')) {
    // Go's encoders sort the keys of maps.
    for (const [key, item] of Object.entries(value as Message).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const writeEntry = () => {
        pbf.writeStringField(1, key);
        writeValue(pbf, 2, type.slice(1), item);
      };
      pbf.writeMessage(number, writeEntry, undefined);
    }
  } else {
    pbf.writeMessage(number, () => writeFields(pbf, type, value as Message), undefined);
  }
}

function writeFields(pbf: PbfWriter, message: string, value: Readonly<Message>): void {
  for (const number of Object.keys(messages[message] ?? {}).map(Number)) {
    const [key = '', type = ''] = fieldOf(message, number);
    if (value[key] !== undefined) writeValue(pbf, number, type, value[key]);
  }
}

function encodeProtobuf(object: Readonly<Message>): Buffer {
  const pbf = new PbfWriter();
  pbf.writeMessage(1, () => writeFields(pbf, 'TypeMeta', object), undefined);
  pbf.writeMessage(2, () => writeFields(pbf, (object as KubeObject).kind, object), undefined);
  pbf.writeStringField(3, '');
  pbf.writeStringField(4, '');
  return Buffer.concat([magic, pbf.finish()]);
}

/** A watch event after its length (4 bytes, big-endian): metav1.WatchEvent without the magic bytes, around the encoded object. */
export function protobufWatchEvent(type: string, object: Readonly<Message>): Buffer {
  const pbf = new PbfWriter();
  pbf.writeStringField(1, type);
  pbf.writeMessage(2, () => pbf.writeBytesField(1, encodeProtobuf(object)), undefined);
  const event = pbf.finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}
