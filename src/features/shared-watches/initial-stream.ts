import { fieldValue, removeFields } from '../../http/header-fields.js';
import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import type { AccessSource } from '../../transport/access.js';
import { type BorrowedBytes, lastingBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink, ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../transport/upstream-call.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import { EventReader, eventFormatOf } from './event-reader.js';
import { TableEvents } from './table-events.js';
import type { WatchEvent } from './watch-event.js';

/** Who wants the stream, and gets it. */
export interface StreamClient {
  readonly request: { readonly own: UpstreamRequest };
  readonly sink: ResponseSink;
  readonly observer: CallObserver;
}

/** Decides where the client goes. */
interface StreamOwner {
  /** The API server has accepted the watch, which was asked for after this moment; undefined if it has not, or it cannot be left. */
  answered(since: Moment | undefined): void;
  /** The client has had all events up to this version, that of a bookmark, and nothing else. Returns whether it has left the stream. */
  reached(version: string): boolean;
  /** The stream is over, and the client with it. */
  over(): void;
}

/** A place in a stream at which a client may leave it. */
interface Exit {
  readonly version: string;
  /** The index of the next byte in its chunk. */
  readonly at: number;
}

/**
 * A client's own watch at the API server, which begins with all objects (KEP-3157). All bytes go to the client as they come. From the
 * bookmark after the objects on, the client may leave it at each bookmark, and go on elsewhere from its version.
 */
export class InitialStream implements RoundTrip, ResponseSink, BodySink {
  readonly #call: UpstreamCall;
  readonly #sink: ResponseSink;
  readonly #owner: StreamOwner;
  readonly #since: Moment;
  readonly #tables = new TableEvents();
  /** Undefined before the head, and when the client does not leave the stream any more. */
  #reader: EventReader | undefined;
  #body: BodySink | undefined;
  /** When the answer began. */
  #begun: Moment | undefined;
  readonly #clock: Clock;
  contentType: string | undefined;
  /** Whether the bookmark after the objects has come. */
  #hasObjects = false;
  /** The version of the bookmark that has come last; undefined if another event has come since, or none. */
  #version: string | undefined;
  isPaused = false;

  constructor(
    { source, clock }: { readonly source: AccessSource; readonly clock: Clock },
    { request, sink, observer }: StreamClient,
    owner: StreamOwner,
  ) {
    this.#sink = sink;
    this.#owner = owner;
    this.#clock = clock;
    this.#since = new Moment(clock);
    this.#call = new UpstreamCall(source, readable(request.own), this, observer);
  }

  start(): void {
    this.#call.start();
  }

  pause(): void {
    this.isPaused = true;
    this.#call.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.#call.resume();
  }

  abort(): void {
    this.stay();
    this.#body = undefined;
    this.#call.abort();
  }

  /** The client does not leave the stream any more. */
  stay(): void {
    this.#reader = undefined;
  }

  /** The columns of its Tables as JSON; undefined if it has none. */
  get columns(): Buffer | undefined {
    return this.#tables.columns;
  }

  /** Milliseconds since the answer began. */
  get age(): number {
    return this.#begun?.age ?? 0;
  }

  /** The version up to which the client has had all events, and nothing else; undefined if it cannot leave the stream at this moment. */
  get version(): string | undefined {
    return this.#reader?.isBetween === true ? this.#version : undefined;
  }

  /** Ends the stream, whose client has got all its bytes and goes on elsewhere. Returns where the next ones go. It may have been paused. */
  leave(): BodySink {
    const body = this.#body as BodySink;
    // The client's way may hold back the last bytes until it is told that no more come now.
    body.idle();
    this.abort();
    return body;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const format = statusCode === 200 ? eventFormatOf(headers) : undefined;
    this.#reader = format && new EventReader(format, this.#tables, true);
    this.contentType = fieldValue(headers, 'content-type');
    const body = this.#sink.head(statusCode, statusMessage, headers);
    this.#owner.answered(this.#reader && this.#since);
    if (this.#reader === undefined) return body;
    this.#body = body;
    this.#begun = new Moment(this.#clock);
    return this;
  }

  data(chunk: BorrowedBytes): void {
    const exits = this.#read(chunk.view());
    let passed = 0;
    for (const { version, at } of exits) {
      this.#pass(chunk, passed, at);
      if (this.#owner.reached(version)) return;
      passed = at;
    }
    this.#pass(chunk, passed, chunk.length);
  }

  #pass(chunk: BorrowedBytes, from: number, to: number): void {
    if (from === 0 && to === chunk.length) this.#body?.data(chunk);
    // A part of a read buffer cannot be lent.
    else if (from < to) this.#body?.data(lastingBytes(Buffer.from(chunk.view().subarray(from, to))));
  }

  /** Reads a chunk. Returns where the client can leave. A stream that cannot be read goes on as it is. */
  #read(chunk: Buffer): readonly Exit[] {
    const exits: Exit[] = [];
    try {
      this.#reader?.read(chunk, (event, end) => this.#note(event, end, exits));
    } catch {
      this.stay();
    }
    return exits;
  }

  /** @param end Where the event ends in its chunk. */
  #note({ type, version, endsInitialEvents }: WatchEvent, end: number, exits: Exit[]): void {
    if (type === 'ERROR') throw new Error('nobody can go on elsewhere from this event');
    this.#hasObjects ||= endsInitialEvents;
    const isExit = this.#hasObjects && type === 'BOOKMARK';
    this.#version = isExit ? version : undefined;
    if (isExit) exits.push({ version, at: end });
  }

  idle(most?: number): void {
    this.#body?.idle(most);
  }

  end(): void {
    this.stay();
    this.#owner.over();
    this.#sink.end();
  }

  error(error: Error): void {
    this.stay();
    this.#owner.over();
    this.#sink.error(error);
  }
}

/** The same request, but its answer is not compressed: what a client leaves has to be read. */
function readable(request: UpstreamRequest): UpstreamRequest {
  const headers = [...request.headers];
  removeFields(headers, 'accept-encoding');
  return { ...request, headers };
}
