import { fieldValue } from '../../../src/http/header-fields.js';
import { lastingBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  BodySink,
  ConnectionKind,
  Lease,
  OutgoingRequest,
  Pool,
  ResponseSink,
  RoundTrip,
} from '../../../src/transport/round-trip.js';
import { type Answer, answeringPool, jsonOf } from '../../support/transport/answering-pool.js';

/** A write in the history of a watched server. */
export interface Write {
  readonly version: number;
  readonly line: string;
}

/** An API server's answer to one watch. The test controls each step. */
export class ServedWatch implements RoundTrip {
  readonly request: OutgoingRequest;
  readonly sink: ResponseSink;
  /** When the request arrived. */
  readonly sentAt: number;
  readonly #server: WatchedServer;
  #body: BodySink | undefined;
  /** The index of the next write to send. */
  protected next = 0;
  isAborted = false;
  isOver = false;
  /** When it ended in any way; undefined before that. */
  overAt: number | undefined;
  isPaused = false;

  constructor(server: WatchedServer, request: OutgoingRequest, sink: ResponseSink) {
    this.#server = server;
    this.request = request;
    this.sink = sink;
    this.sentAt = server.now();
  }

  get path(): string {
    return this.request.path;
  }

  /** The credential of the request. */
  get authorization(): string | undefined {
    return fieldValue(this.request.headers, 'authorization');
  }

  /** As whom it was sent. */
  get user(): string | undefined {
    return fieldValue(this.request.headers, 'impersonate-user');
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
    return this.#server.writes.length - this.next;
  }

  /** Sends the next events, cut into parts of this many characters. */
  send(count = this.missing, size = Number.POSITIVE_INFINITY): void {
    const writes = this.#server.writes.slice(this.next, this.next + count);
    this.next += writes.length;
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
    const last = writes[this.next - 1]?.version;
    while (last !== undefined && writes[this.next]?.version === last) this.send(1);
  }

  /** Sends a bookmark of the last version. This is only correct if there is nothing else to send. */
  bookmark(): void {
    this.text(bookmarkLine(this.#server.version));
  }

  /** Sends text, in parts of this many characters. */
  text(text: string, size = Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < text.length && this.isOpen; at += size) {
      this.#body?.data(lastingBytes(Buffer.from(text.slice(at, at + size))));
      this.#body?.idle();
    }
  }

  end(): void {
    this.isOver = true;
    this.overAt ??= this.#server.now();
    this.sink.end();
  }

  fail(error = new Error('the connection broke')): void {
    this.isOver = true;
    this.overAt ??= this.#server.now();
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
    this.overAt ??= this.#server.now();
  }
}

/**
 * The answer to a watch that begins with the objects. It has those of the time when the request arrived, perhaps changes between them, a
 * bookmark, and then the changes.
 */
export class ServedList extends ServedWatch {
  /** The version of the objects. */
  readonly listed: number;
  /** What was sent up to the bookmark, which is a part of it. */
  initial = '';
  /** The version of the bookmark after the objects; undefined before it was sent. */
  endVersion: number | undefined;
  /** Whether anything was sent after the bookmark. */
  hasChanges = false;
  readonly #objects: string[];
  readonly #state: WatchedServer;

  constructor(server: WatchedServer, request: OutgoingRequest, sink: ResponseSink) {
    super(server, request, sink);
    this.#state = server;
    this.listed = server.version;
    this.#objects = [...server.objects.values()];
    this.next = server.writes.length;
  }

  /** The version from which changes come after the bookmark; before it, that of the objects. */
  override get version(): number {
    return this.endVersion ?? this.listed;
  }

  /** Whether the bookmark has not been sent. */
  get isInitial(): boolean {
    return this.endVersion === undefined;
  }

  /** Sends the next objects. */
  sendObjects(count = this.#objects.length, size = Number.POSITIVE_INFINITY): void {
    this.text(this.#objects.splice(0, count).join(''), size);
  }

  /** Sends the rest of the initial events, and the bookmark. */
  finish(size = Number.POSITIVE_INFINITY): void {
    this.sendObjects();
    this.sendRestOfVersion();
    const { writes, version } = this.#state;
    const last = this.missing === 0 ? version : (writes[this.next - 1]?.version ?? this.listed);
    this.endVersion = Math.max(last, this.listed);
    const line = bookmarkLine(this.endVersion, { 'k8s.io/initial-events-end': 'true' });
    this.initial += line;
    super.text(line, size);
  }

  override text(text: string, size = Number.POSITIVE_INFINITY): void {
    if (this.isInitial) this.initial += text;
    else if (text !== '') this.hasChanges = true;
    super.text(text, size);
  }
}

/** An API server without sockets. The test controls each of its watches. It answers reviews at once. */
export class WatchedServer implements Pool {
  /** All objects' changes so far, by version. */
  readonly writes: Write[] = [];
  /** All watches that were sent, in order. */
  watches: ServedWatch[] = [];
  /** Those that begin with the objects. */
  readonly lists: ServedList[] = [];
  /** The ADDED events of all objects, by name. */
  readonly objects = new Map<string, string>();
  version: number;
  /** Called when the request of any watch has arrived. */
  onWatch: (watch: ServedWatch) => void = () => {};
  /** Milliseconds of the test's clock. */
  now: () => number = () => 0;
  /** Whether the user may watch, by the name that the access review asks about. By default the user may. */
  readonly rights = new Map<string, () => Promise<boolean>>();
  /** How many access reviews it was asked. */
  reviews = 0;
  readonly #reviews = answeringPool(request => this.#review(request));

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

  /** Creates, changes or deletes an object. */
  change(name: string, { step = 1, body = '', deletes = false } = {}): Write {
    this.version += step;
    const type = this.objects.has(name) ? (deletes ? 'DELETED' : 'MODIFIED') : 'ADDED';
    const write = { version: this.version, line: eventLine(this.version, body, { type, name }) };
    this.writes.push(write);
    if (type === 'DELETED') this.objects.delete(name);
    else this.objects.set(name, eventLine(this.version, body, { type: 'ADDED', name }));
    return write;
  }

  lease(kind: ConnectionKind): Lease | Promise<Lease> {
    if (kind === 'any') return this.#reviews.lease(kind);
    let watch: ServedWatch | undefined;
    return {
      isStale: false,
      send: (request, sink) => {
        watch = this.#serve(request, sink);
        this.watches.push(watch);
        this.onWatch(watch);
      },
      pause: () => watch?.pause(),
      resume: () => watch?.resume(),
      abort: () => watch?.abort(),
    };
  }

  #serve(request: OutgoingRequest, sink: ResponseSink): ServedWatch {
    if (!request.path.includes('sendInitialEvents=true')) return new ServedWatch(this, request, sink);
    const list = new ServedList(this, request, sink);
    this.lists.push(list);
    return list;
  }

  async #review(request: OutgoingRequest): Promise<Answer> {
    this.reviews += 1;
    const { spec } = jsonOf(request.body) as { spec: { resourceAttributes: { name: string } } };
    const allowed = (await this.rights.get(spec.resourceAttributes.name)?.()) ?? true;
    return { status: 201, body: { status: { allowed } } };
  }
}

export function eventLine(
  version: number | string,
  body = '',
  { type = 'MODIFIED', name = 'web-0' } = {},
): string {
  const object = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, resourceVersion: String(version) },
    body,
  };
  return `${JSON.stringify({ type, object })}\n`;
}

export function bookmarkLine(version: number | string, annotations?: Record<string, string>): string {
  const metadata = { resourceVersion: String(version), ...(annotations && { annotations }) };
  const object = { kind: 'Pod', apiVersion: 'v1', metadata };
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
}
