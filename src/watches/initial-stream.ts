import type { SentRequest } from '../transport/upstream-request.js';
import { EventRing, portion } from './event-ring.js';
import { type Ending, LastingWatch, type WatchHandler, type WatchHead } from './lasting-watch.js';
import { SharedBytes } from './shared-bytes.js';
import type { SharedBeginning, SharedWatch, SharedWatchParts } from './shared-watch.js';
import { SlowClients } from './slow-clients.js';
import type { Turn } from './turns.js';
import type { WatchEvent } from './watch-event.js';
import type { WatchToShare } from './watch-to-share.js';
import type { Watcher, WatchSource } from './watcher.js';

/** An initial stream that has got its bookmark of this version. */
export type StreamAtBookmark = Required<SharedBeginning>;

/** What owns an initial stream. */
interface StreamOwner {
  /** The bookmark after the initial events has come. Returns the shared watch for the clients: an open one, or this one from now on. */
  reached(beginning: StreamAtBookmark): SharedWatch;
  /** The stream is over before its bookmark. */
  ended(ending: Ending): void;
}

/** A part of an event, or all of it. */
interface Part {
  readonly bytes: Buffer;
  /** 1 for the beginning of an event, so that the parts of a piece can be counted as events. */
  readonly events: 0 | 1;
}

/** A part of the stream that all clients get in one write. */
interface Piece {
  readonly bytes: SharedBytes;
  readonly events: number;
}

/** After this number of clients, others may have their turn. */
const some = 16;

/**
 * One watch at the API server that begins with the initial events, for all clients that asked before it was sent. It sends an event for each
 * object, then a bookmark (KEP-3157). Up to this bookmark every client gets the same bytes, as the API server sent them, and the slowest
 * client sets the pace. After it the clients move to a shared watch, and if there is none for them, this stream becomes one. Nothing is kept
 * of the events, so a stream that breaks off ends its clients.
 */
export class InitialStream implements WatchHandler, WatchSource, Turn {
  readonly version = undefined;
  /** Always empty: each event goes to all clients when it comes. */
  readonly ring: EventRing;
  readonly #parts: SharedWatchParts;
  readonly #owner: StreamOwner;
  readonly #upstream: LastingWatch;
  readonly #clients = new Set<Watcher>();
  /** What has come and is in no piece yet. */
  readonly #waiting: Part[] = [];
  /** The last piece, and the clients that have not got it. */
  #piece: Piece | undefined;
  readonly #without = new Set<Watcher>();
  readonly #slow: SlowClients;
  #isStarted = false;
  #hasEvents = false;
  /** Where the clients go after the last piece. */
  #next: { readonly watch: SharedWatch; readonly version: string } | undefined;
  #ending: Ending | undefined;

  constructor(parts: SharedWatchParts, request: WatchToShare, owner: StreamOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.ring = new EventRing('0', parts.budget);
    this.#upstream = new LastingWatch(parts, request, this);
    this.#slow = new SlowClients(parts.clock, client => this.#onTooSlow(client));
  }

  start(): void {
    this.#isStarted = true;
    this.#parts.observer.watches(1);
    this.#upstream.start();
  }

  /** What the request was sent with; undefined before it was sent. */
  get sent(): SentRequest | undefined {
    return this.#upstream.sent;
  }

  get head(): WatchHead | undefined {
    return this.#upstream.firstHead;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The number of clients. */
  get size(): number {
    return this.#clients.size;
  }

  enter(client: Watcher): void {
    this.#clients.add(client);
  }

  leave(client: Watcher): void {
    this.#clients.delete(client);
    const wasSlow = this.#slow.delete(client);
    const wasWithout = this.#without.delete(client);
    if (this.#clients.size === 0 && this.#next === undefined) this.close();
    else if (wasSlow || wasWithout) this.#work();
  }

  call(client: Watcher): void {
    if (!client.isPaused) this.#slow.accepts(client);
    this.#work();
  }

  /** Ends the stream. Its clients are cut off. */
  close(): void {
    this.#upstream.stop();
    this.ended(new Error('the watch is no longer shared'));
  }

  began(): void {
    this.#parts.observer.initialStream(this.#clients.size);
    for (const client of this.#clients) client.stateChanged();
  }

  received(event: WatchEvent): void {
    const bytes = (this.#hasEvents ? event.bytes : event.first).copy();
    this.#hasEvents = true;
    for (let at = 0; at < bytes.length; at += portion) {
      this.#waiting.push({ bytes: bytes.subarray(at, at + portion), events: at === 0 ? 1 : 0 });
    }
    this.#parts.observer.received();
    if (!event.endsInitialEvents) return;
    const { version } = event;
    this.#over();
    const watch = this.#owner.reached({ version, upstream: this.#upstream });
    this.#next = { watch, version };
    this.#work();
  }

  idle(): void {
    this.#work();
  }

  /** Never called, because there is no version to continue from. */
  mayReopen(): void {}

  /** Never called either. */
  resumed(): void {}

  ended(ending: Ending): void {
    if (this.#ending !== undefined || this.#next !== undefined) return;
    this.#ending = ending;
    this.#over();
    this.#owner.ended(ending);
    for (const client of this.#clients) client.stateChanged();
    this.#work();
  }

  /** The request at the API server is over, or belongs to a shared watch now. */
  #over(): void {
    if (this.#isStarted) this.#parts.observer.watches(-1);
  }

  #work(): void {
    this.#parts.turns.call(this);
    this.#parts.turns.run();
    this.#keepPace();
  }

  work(): void {
    if (this.#without.size > 0 || this.#take()) this.#pass();
    this.#keepPace();
  }

  /** Sends the last piece to some clients. */
  #pass(): void {
    const { bytes, events } = this.#piece as Piece;
    let count = 0;
    for (const client of this.#without) {
      // A client that has not begun calls when it has.
      if (!client.hasBegun) continue;
      this.#without.delete(client);
      client.pass(bytes, events);
      if (client.isPaused && this.#clients.has(client)) this.#slow.add(client);
      count += 1;
      if (count === some) break;
    }
    if (count > 0) this.#parts.turns.call(this);
  }

  /** Takes the next piece for all clients. Returns false if there is none, or if it has to wait for clients that have not taken the last one. */
  #take(): boolean {
    if (this.#waiting.length === 0) this.#leadOn();
    if (this.#waiting.length === 0) return false;
    // After the bookmark there is not much left, and the next watch goes on: who waited too long would miss its events.
    if (this.#slow.size > 0 && this.#next === undefined) return false;
    let length = 0;
    const count = this.#waiting.findIndex(({ bytes }) => {
      length += bytes.length;
      return length > portion;
    });
    const parts = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
    this.#piece = {
      bytes: new SharedBytes(parts.map(({ bytes }) => bytes)),
      events: parts.reduce((sum, { events }) => sum + events, 0),
    };
    for (const client of this.#clients) this.#without.add(client);
    return true;
  }

  /** All clients have had all of the stream: they move to the next watch, or end. */
  #leadOn(): void {
    if (this.#next === undefined && this.#ending === undefined) return;
    this.#slow.clear();
    for (const client of this.#clients) {
      if (this.#next === undefined) client.work();
      else client.continueAt(this.#next.watch, this.#next.version);
    }
  }

  /** Reads nothing more from the API server while a client has not had what has come. */
  #keepPace(): void {
    if (this.#next !== undefined || this.#ending !== undefined) return;
    const waits = this.#waiting.length > 0 || this.#without.size > 0 || this.#slow.size > 0;
    if (waits === this.#upstream.isPaused) return;
    if (waits) this.#upstream.pause();
    else this.#upstream.resume();
  }

  #onTooSlow(client: Watcher): void {
    if (this.#clients.size > 1) client.lag();
  }
}
