import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { eventually, within } from '../eventually.js';
import { type ApiServer, open, tlsTo } from './http-client.js';

/** The members of a JSON event that tests use. */
export interface JsonEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** An object, a Status, or a Table, which has columns. */
interface JsonObject {
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly resourceVersion: string;
    readonly annotations?: Record<string, string>;
  };
  readonly columnDefinitions?: readonly unknown[] | null;
  readonly rows?: readonly { readonly cells: readonly unknown[]; readonly object?: JsonObject | null }[];
  readonly code?: number;
  readonly message?: string;
}

/** One open watch, and what it has received. */
export interface WatchClient {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All bytes that have come. */
  bytes(): Buffer;
  /** The complete events, each with its framing. */
  frames(): readonly Buffer[];
  /** The complete events, parsed as JSON. */
  events(): JsonEvent[];
  /** Type, name and version of each JSON event, such as `ADDED one 1001`. */
  lines(): string[];
  /** The names of the objects in these events, without bookmarks. */
  names(): (string | undefined)[];
  /** Waits until this number of events has come. */
  until(count: number): Promise<void>;
  /** Waits until an event names this object. */
  untilNamed(name: string): Promise<void>;
  /** How the watch ended: cleanly, or cut. Waits for the end. */
  readonly ended: Promise<'end' | 'cut'>;
  /** How the watch ended, or `open`. */
  state(): 'open' | 'end' | 'cut';
  /** Stops reading, and continues. */
  pause(): void;
  resume(): void;
  /** Closes the connection. */
  close(): void;
}

/** How a watch is opened. */
export interface WatchQuestion extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  readonly headers?: OutgoingHttpHeaders;
}

/** Opens a watch on its own connection. Resolves after its head, with any status. */
export async function openWatch(url: string, question: WatchQuestion = {}): Promise<WatchClient> {
  const { headers = {}, ...tls } = question;
  const { protocol, port, pathname, search } = new URL(url);
  const security = protocol === 'https:' && { tls };
  const response = await open(Number(port), pathname + search, { headers, ...security });
  return readWatch(response, response.statusCode ?? 0, response.headers);
}

/** Opens a watch at an API server itself, as its admin. */
export function watchServer(
  server: ApiServer,
  path: string,
  headers: OutgoingHttpHeaders = {},
): Promise<WatchClient> {
  return openWatch(`${server.url}${path}`, { headers, ...tlsTo(server) });
}

/** Reads the events of an answer, such as a stream of HTTP/2. */
export function readWatch(stream: Readable, status: number, headers: IncomingHttpHeaders): WatchClient {
  const protobuf = headers['content-type']?.startsWith('application/vnd.kubernetes.protobuf') === true;
  const frames: Buffer[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let state: 'open' | 'end' | 'cut' = 'open';
  stream.on('data', (chunk: Buffer) => {
    let start = 0;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = frameEnd(rest, start, protobuf); end > 0; end = frameEnd(rest, start, protobuf)) {
      frames.push(rest.subarray(start, end));
      start = end;
    }
    rest = rest.subarray(start);
  });
  const ended = new Promise<'end' | 'cut'>(resolve => {
    const settle = (how: 'end' | 'cut') => {
      if (state === 'open') state = how;
      resolve(state as 'end' | 'cut');
    };
    // Over HTTP/2, a stream that is reset also emits `end`.
    const wasReset = () => 'rstCode' in stream && (stream.rstCode as number | undefined) !== 0;
    stream.once('end', () => settle(wasReset() ? 'cut' : 'end'));
    stream.on('error', () => settle('cut'));
    stream.once('close', () => settle('cut'));
  });
  const events = () => frames.map(frame => JSON.parse(frame.toString()) as JsonEvent);
  return {
    status,
    headers,
    bytes: () => Buffer.concat([...frames, rest]),
    frames: () => frames,
    events,
    lines: () =>
      events().map(({ type, object: { metadata, rows } }) => {
        const name = metadata.name ?? rows?.[0]?.cells[0] ?? '';
        return [type, name, metadata.resourceVersion].filter(part => part !== '').join(' ');
      }),
    names: () =>
      events()
        .filter(({ type }) => type !== 'BOOKMARK')
        .map(({ object }) => object.metadata.name),
    until: count => eventually(`${count} events`, () => frames.length >= count || state !== 'open'),
    untilNamed: name =>
      eventually(`an event of ${name}`, () => {
        assert.equal(state, 'open');
        return frames.some(frame => frame.includes(name));
      }),
    get ended() {
      return within('the end of a watch', ended);
    },
    state: () => state,
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    close: () => void stream.destroy(),
  };
}

/** The end of the frame that begins at `start`, or 0 if it is not whole. */
function frameEnd(bytes: Buffer, start: number, protobuf: boolean): number {
  if (!protobuf) return bytes.indexOf('\n', start) + 1;
  if (bytes.length < start + 4) return 0;
  const end = start + 4 + bytes.readUInt32BE(start);
  return end <= bytes.length ? end : 0;
}
