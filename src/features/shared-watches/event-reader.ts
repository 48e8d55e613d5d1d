import { MIMEType } from 'node:util';
import { fieldValue } from '../../http/header-fields.js';
import { JsonEventReader } from './json-events.js';
import { ProtobufEventReader } from './protobuf-events.js';
import type { TableEvents } from './table-events.js';
import type { EventReader } from './watch-event.js';

/**
 * Returns the reader for the format of a watch response, or undefined if its events cannot be shared: CBOR, compressed responses, and
 * formats that this program does not know. The API server sends `application/json`, for Tables too, and
 * `application/vnd.kubernetes.protobuf;stream=watch` (apiserver `endpoints/handlers/watch.go`). Each response needs a reader of its own.
 *
 * @param headers The response's header fields: name, value, name, value, …
 * @param tables The Tables of the responses before, if the response continues a watch.
 * @param isInitial Whether the response begins with the initial events.
 */
export function createEventReader(
  headers: readonly string[],
  tables?: TableEvents,
  isInitial?: boolean,
): EventReader | undefined {
  const encoding = fieldValue(headers, 'content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return undefined;
  const type = mediaType(fieldValue(headers, 'content-type'));
  if (type === undefined) return undefined;
  const { essence, params } = type;
  const stream = params.get('stream');
  for (const [name, value] of params) {
    if (name !== 'stream' && (name !== 'charset' || value.toLowerCase() !== 'utf-8')) return undefined;
  }
  if (essence === 'application/json' && (stream === null || stream === 'watch'))
    return new JsonEventReader(tables, isInitial);
  if (essence === 'application/vnd.kubernetes.protobuf' && stream === 'watch')
    return new ProtobufEventReader();
  return undefined;
}

function mediaType(text: string | undefined): MIMEType | undefined {
  if (text === undefined) return undefined;
  try {
    return new MIMEType(text);
  } catch {
    return undefined;
  }
}
