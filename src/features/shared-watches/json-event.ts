import { Lines } from '../../lib/frames.js';
import { isObject } from '../../lib/json.js';
import { isTable } from './table-events.js';
import { type EventFormat, initialEventsEnd, type ParsedEvent } from './watch-event.js';

/**
 * How an event begins, apart from white space. Go writes the type first; an aggregated API server in another language may write the object
 * first. A list, or any other object, begins with another member.
 */
const beginnings = ['{"type":', '{"object":'];

/**
 * Events in JSON. The API server writes each one in one line (apimachinery `serializer/json`: Go's encoder ends every value with a newline
 * and leaves none inside, whatever `pretty` says). If a member is repeated, the last one counts, as in Go. Go would merge two objects of the
 * same name; here the last one must be complete.
 */
export const json: EventFormat = {
  frames: () => new Lines(),
  isText: true,
  prefixLength: 0,
  added: Buffer.from('{"type":"ADDED",'),
  checkBeginning(bytes) {
    const text = bytes.toString('latin1', 0, 32).replace(/[ \t\r]/g, '');
    if (!beginnings.some(beginning => text.startsWith(beginning) || beginning.startsWith(text)))
      throw new Error('a line of the watch does not begin as an event');
  },
  parse,
};

function parse(line: Buffer): ParsedEvent {
  const { type, object } = asObject(parsed(line));
  const { kind, apiVersion, metadata, columnDefinitions, rows } = asObject(object);
  if (type === 'ERROR') return { type };
  const { resourceVersion } = asObject(metadata);
  if (!isTable(kind, apiVersion))
    return { type, resourceVersion, endsInitialEvents: type === 'BOOKMARK' && hasEndAnnotation(metadata) };
  const endsInitialEvents = type === 'BOOKMARK' && hasEndAnnotation(metadataOfRow(rows));
  return { type, resourceVersion, endsInitialEvents, table: { columnDefinitions } };
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

/** Parses a line as Latin-1, which is faster than UTF-8. All names and values that are used here are ASCII. */
function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('latin1'));
  } catch {
    // V8's message quotes the line, which may contain a Secret.
    throw new Error('a line of the watch is not valid JSON');
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('a line of the watch is not an event');
}
