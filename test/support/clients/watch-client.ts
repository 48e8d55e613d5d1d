import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { eventually, eventuallyPasses } from '../eventually.js';
import { type ApiServer, open, tlsTo } from './http-client.js';
import { headOf, openStream } from './http2-client.js';

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

/** One open watch, such as an answer or a stream of HTTP/2, and what it has received. */
export class WatchClient {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The complete events, each with its framing. */
  readonly frames: Buffer[] = [];
  readonly #stream: Readable;
  #state: 'open' | 'end' | 'cut' = 'open';
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable, status: number, headers: IncomingHttpHeaders) {
    this.status = status;
    this.headers = headers;
    this.#stream = stream;
    const isProtobuf = headers['content-type']?.startsWith('application/vnd.kubernetes.protobuf') === true;
    stream.on('data', (chunk: Buffer) => {
      let start = 0;
      const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      for (let end = frameEnd(bytes, start, isProtobuf); end > 0; end = frameEnd(bytes, start, isProtobuf)) {
        this.frames.push(bytes.subarray(start, end));
        start = end;
      }
      this.#rest = bytes.subarray(start);
    });
    const settle = (how: 'end' | 'cut') => {
      if (this.#state === 'open') this.#state = how;
    };
    // Over HTTP/2, a stream that is reset also emits `end`.
    const wasReset = () => 'rstCode' in stream && (stream.rstCode as number | undefined) !== 0;
    stream.once('end', () => settle(wasReset() ? 'cut' : 'end'));
    stream.on('error', () => settle('cut')).once('close', () => settle('cut'));
  }

  /** All bytes that have come. */
  bytes(): Buffer {
    return Buffer.concat([...this.frames, this.#rest]);
  }

  /** The complete events, parsed as JSON. */
  events(): JsonEvent[] {
    return this.frames.map(frame => JSON.parse(frame.toString()) as JsonEvent);
  }

  /** Type, name and version of each JSON event, such as `ADDED one 1001`. */
  lines(): string[] {
    return this.events().map(({ type, object: { metadata, rows } }) => {
      const name = metadata.name ?? rows?.[0]?.cells[0] ?? '';
      return [type, name, metadata.resourceVersion].filter(part => part !== '').join(' ');
    });
  }

  /** Type and name of each JSON event, such as `ADDED one`, and `END` for the bookmark that ends the initial events. Others may come at any time. */
  changes(): string[] {
    return this.events()
      .filter(event => event.type !== 'BOOKMARK' || endsInitialEvents(event))
      .map(event => (event.type === 'BOOKMARK' ? 'END' : `${event.type} ${metadataOf(event).name}`));
  }

  /** The names of the objects in these events, without bookmarks. */
  names(): (string | undefined)[] {
    return this.events()
      .filter(({ type }) => type !== 'BOOKMARK')
      .map(({ object }) => object.metadata.name);
  }

  /** Waits until this number of events has come, or until the end. */
  until(count: number): Promise<void> {
    return eventually(`${count} events`, () => this.frames.length >= count || this.#state !== 'open');
  }

  /** Waits until an event names this object. */
  untilNamed(name: string): Promise<void> {
    return eventually(`an event of ${name}`, () => {
      assert.equal(this.#state, 'open');
      return this.frames.some(frame => frame.includes(name));
    });
  }

  /** Waits until all objects have come. */
  untilListed(): Promise<void> {
    return eventually('the end of the initial events', () => this.events().some(endsInitialEvents));
  }

  /** How the watch ended: cleanly, or cut. Waits for the end. */
  get ended(): Promise<'end' | 'cut'> {
    return eventuallyPasses(() => {
      if (this.#state === 'open') throw new Error('the watch goes on');
      return this.#state;
    });
  }

  /** How the watch ended, or `open`. */
  state(): 'open' | 'end' | 'cut' {
    return this.#state;
  }

  /** Stops reading, and continues. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Closes the connection. */
  readonly close = (): void => void this.#stream.destroy();
}

function metadataOf({ object }: JsonEvent): JsonObject['metadata'] {
  return (object.rows?.[0]?.object ?? object).metadata;
}

/** Whether an event is the bookmark after which a watch has sent all objects (KEP-3157). In a Table, its row has the annotation. */
function endsInitialEvents(event: JsonEvent): boolean {
  return event.type === 'BOOKMARK' && metadataOf(event).annotations?.['k8s.io/initial-events-end'] === 'true';
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
  return new WatchClient(response, response.statusCode ?? 0, response.headers);
}

/** Opens a watch on an HTTP/2 connection. Resolves after its head, with any status. */
export async function openWatchStream(
  session: ClientHttp2Session,
  target: string,
  headers: OutgoingHttpHeaders = {},
): Promise<WatchClient> {
  const stream = openStream(session, target, headers);
  const head = await headOf(stream);
  return new WatchClient(stream, head[':status'] ?? 0, head);
}

/** Opens a watch at an API server itself, as its admin. */
export function watchServer(
  server: ApiServer,
  path: string,
  headers: OutgoingHttpHeaders = {},
): Promise<WatchClient> {
  return openWatch(`${server.url}${path}`, { headers, ...tlsTo(server) });
}

/** The end of the frame that begins at `start`, or 0 if it is not whole. */
function frameEnd(bytes: Buffer, start: number, protobuf: boolean): number {
  if (!protobuf) return bytes.indexOf('\n', start) + 1;
  if (bytes.length < start + 4) return 0;
  const end = start + 4 + bytes.readUInt32BE(start);
  return end <= bytes.length ? end : 0;
}
