import { ownBytes } from '../../../src/transport/borrowed-bytes.js';
import type { SessionRequest } from '../../../src/transport/renew-on-401.js';
import type { BodySink, ResponseSink, RoundTrip, RoundTripper } from '../../../src/transport/round-trip.js';

/** The only session of a watched server. */
export const session = { name: 'session' };
export type FakeSession = typeof session;

/** A write in the history of a watched server. */
export interface Write {
  readonly version: number;
  readonly line: string;
}

/** An API server's answer to one watch. The test controls each step. */
export class ServedWatch implements RoundTrip {
  readonly path: string;
  readonly sink: ResponseSink;
  readonly #server: WatchedServer;
  #body: BodySink | undefined;
  #next = 0;
  isAborted = false;
  isOver = false;
  isPaused = false;

  constructor(server: WatchedServer, path: string, sink: ResponseSink) {
    this.#server = server;
    this.path = path;
    this.sink = sink;
  }

  /** The version that the watch asked for. */
  get version(): number {
    return Number(/resourceVersion=(\d+)/.exec(this.path)?.[1]);
  }

  get isOpen(): boolean {
    return this.#body !== undefined && !this.isAborted && !this.isOver;
  }

  /** Answers with a head. */
  open(statusCode = 200, headers = ['Content-Type', 'application/json']): void {
    this.#body = this.sink.head(statusCode, 'OK', headers);
  }

  /** How many events are still to be sent. */
  get missing(): number {
    return this.#server.writes.length - this.#next;
  }

  /** Sends the next events, cut into parts of this many characters. */
  send(count = this.missing, size = Number.POSITIVE_INFINITY): void {
    const writes = this.#server.writes.slice(this.#next, this.#next + count);
    this.#next += writes.length;
    const asked = this.version;
    this.text(
      writes
        .filter(({ version }) => version > asked)
        .map(({ line }) => line)
        .join(''),
      size,
    );
  }

  /** Sends the remaining events of the last sent version. */
  sendRestOfVersion(): void {
    const { writes } = this.#server;
    const last = writes[this.#next - 1]?.version;
    while (last !== undefined && writes[this.#next]?.version === last) this.send(1);
  }

  /** Sends a bookmark of the last version. This is only correct if there is nothing else to send. */
  bookmark(): void {
    this.text(bookmarkLine(this.#server.version));
  }

  /** Sends text, in parts of this many characters. */
  text(text: string, size = Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < text.length && this.isOpen; at += size) {
      this.#body?.data(ownBytes(Buffer.from(text.slice(at, at + size))));
      this.#body?.idle();
    }
  }

  end(): void {
    this.isOver = true;
    this.sink.end([]);
  }

  fail(error = new Error('the connection broke')): void {
    this.isOver = true;
    this.sink.error(error);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  abort(): void {
    this.isAborted = true;
  }
}

/** An API server without sockets. The test controls each of its watches. */
export class WatchedServer implements RoundTripper<SessionRequest<FakeSession>> {
  /** All objects' changes so far, by version. */
  readonly writes: Write[] = [];
  /** All watches that were sent, in order. */
  watches: ServedWatch[] = [];
  version: number;

  constructor(version = 100) {
    this.version = version;
  }

  /** Changes an object. Versions grow by `step`. */
  write(step = 1, body = ''): Write {
    this.version += step;
    const write = { version: this.version, line: eventLine(this.version, body) };
    this.writes.push(write);
    return write;
  }

  send(request: SessionRequest<FakeSession>, sink: ResponseSink): RoundTrip {
    try {
      const watch = new ServedWatch(this, request.forSession(session).path, sink);
      this.watches.push(watch);
      return watch;
    } catch (error) {
      queueMicrotask(() => sink.error(error as Error));
      return { pause() {}, resume() {}, abort() {} };
    }
  }
}

export function eventLine(version: number | string, body = ''): string {
  const object = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'web-0', resourceVersion: String(version) },
    body,
  };
  return `${JSON.stringify({ type: 'MODIFIED', object })}\n`;
}

export function bookmarkLine(version: number | string): string {
  const object = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: String(version) } };
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
}
