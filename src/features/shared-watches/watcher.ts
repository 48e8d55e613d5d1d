import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { Deferred } from '../../lib/promises.js';
import { ReplacedError } from '../../transport/access.js';
import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import {
  type BodySink,
  LaggingError,
  type ResponseSink,
  type RoundTrip,
} from '../../transport/round-trip.js';
import { type Ending, LostError } from './ending.js';
import { type EventRing, portion } from './event-ring.js';
import type { ShareObserver } from './metrics.js';
import { headOfClient } from './sharable-headers.js';
import type { Turn } from './turns.js';
import { compareVersions, type WatchEvent } from './watch-event.js';
import { type ClientWatch, senderKey } from './watch-to-share.js';

/**
 * If a client sets no time limit, its watch lasts at least this number of milliseconds, and at most twice that. This is the API server's
 * `--min-request-timeout`.
 */
const minLifetime = 30 * 60_000;

/** The head of the response to a watch. */
export interface WatchHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** The watch that a watcher gets its events from. */
export interface WatchSource {
  /** Undefined before it has come. */
  readonly answer: WatchHead | undefined;
  readonly ring: EventRing;
  /** How the watchers end after the last event; undefined while the watch is open. */
  readonly ending: Ending | undefined;
  enter(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  /** A watcher has begun, or accepts more: lets it work when its turn comes. */
  call(watcher: Watcher): void;
}

/** What all watchers need. */
interface WatcherParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly observer: ShareObserver;
}

/** Where a client's events go. */
interface Client {
  readonly sink: ResponseSink;
  /** The watch was lost, and the client, which has had all its events, has left it. */
  lost(error: LostError, before: Before): void;
}

/** What a client has had before it goes on at a shared watch. */
export interface Before {
  readonly body: BodySink;
  /** It has had all events up to this version. */
  readonly version: string;
  /** The milliseconds since its answer began. */
  readonly age: number;
  readonly isPaused: boolean;
}

/** One client of a shared watch: its position in the ring. */
export class Watcher implements RoundTrip, Turn {
  readonly #parts: WatcherParts;
  /** Whether the client asked for bookmarks. */
  readonly #bookmarks: boolean;
  readonly #client: Client;
  readonly #watch: WatchSource;
  /** Undefined until the response to the client has begun. */
  #body: BodySink | undefined;
  /** The position of the client's next event in the ring. */
  #position = 0;
  /** The client has had all events before this version. */
  #version: string;
  /** Whether all events from the position on are newer than the version. A client may be ahead of the watch that it joins. */
  #isSettled = false;
  #hasHadEvent = false;
  /** Whether the client gets no more for now. */
  isPaused = false;
  /** Whether the client has left, or ended. */
  isOver = false;
  /** Undefined once the response has begun, because a watch to share is large. */
  #asked: ClientWatch | undefined;
  #waiting: Deferred | undefined;
  /** When it began to get events here, and for how many milliseconds its response had lasted then. */
  #begun: Moment | undefined;
  #age = 0;
  #cancelEnd: () => void = () => {};

  /** Enters the watch. The client waits there until `begin`. */
  constructor(watch: WatchSource, asked: ClientWatch, client: Client, parts: WatcherParts) {
    this.#parts = parts;
    this.#watch = watch;
    this.#asked = asked;
    this.#bookmarks = asked.bookmarks;
    this.#version = asked.version ?? '0';
    this.#client = client;
    watch.enter(this);
  }

  /** Resolves when the answer has begun, or the client leaves. Rejects with the error of the watch: a ReplacedError if it has ended. */
  opened(): Promise<void> {
    const waiting = new Deferred();
    this.#waiting = waiting;
    if (this.#watch.answer !== undefined || this.#watch.ending !== undefined) this.stateChanged();
    return waiting.promise;
  }

  /** The watch has been opened, or is over. A client that has left stops waiting, so that nothing keeps it in memory. */
  stateChanged(): void {
    const waiting = this.#waiting;
    const { ending } = this.#watch;
    this.#waiting = undefined;
    if (ending === undefined || this.isOver) waiting?.resolve();
    else waiting?.reject(ending === 'end' ? new ReplacedError() : ending);
  }

  /** As whom a watch for it is sent, by `senderKey`. The response must not have begun. */
  get user(): string {
    return senderKey((this.#asked as ClientWatch).sender);
  }

  /** Begins to send events. Returns false if the watch cannot give it all events after its version; then the client has left the watch. */
  begin(): boolean {
    const head = this.#watch.answer;
    if (head === undefined || !this.canContinue(this.#version)) {
      this.abort();
      return false;
    }
    const headers = headOfClient(head.headers, this.#asked as ClientWatch);
    try {
      this.#start(0, this.#client.sink.head(head.statusCode, head.statusMessage, headers));
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }

  /** Whether the watch can give the client all events after this version, up to which it has had all. */
  canContinue(version: string): boolean {
    const { ring, ending } = this.#watch;
    const position = ending === undefined ? ring.positionAfter(version) : undefined;
    if (position === undefined) return false;
    this.#position = position;
    this.#version = version;
    this.#isSettled = ring.isPast(version);
    return true;
  }

  /** Begins to send the events after those that the client has had elsewhere. `canContinue` has said that the watch can. */
  continue({ body, age, isPaused }: Omit<Before, 'version'>): void {
    this.isPaused = isPaused;
    this.#hasHadEvent = true;
    this.#start(age, body);
  }

  /** The client's time may be over already: its credential may have expired meanwhile. */
  #start(age: number, body: BodySink): void {
    const { clock, random, observer } = this.#parts;
    const { timeout, expires = Number.POSITIVE_INFINITY } = this.#asked as ClientWatch;
    const begun = new Moment(clock);
    const allowed = timeout ?? minLifetime * (1 + random());
    const lifetime = Math.min(allowed - age, expires - begun.time);
    this.#cancelEnd = begun.schedule(lifetime, () => this.end());
    this.#asked = undefined;
    this.#begun = begun;
    this.#age = age;
    this.#body = body;
    observer.clients(1);
    if (lifetime > 0) this.#watch.call(this);
    else this.end();
  }

  /** Whether the response to the client has begun. */
  get hasBegun(): boolean {
    return this.#body !== undefined;
  }

  /** Sends the events that are there, as far as the client accepts them. */
  work(): void {
    const body = this.#body;
    if (body === undefined || this.isOver) return;
    // Without a closure: one for each client and event would be garbage to collect.
    try {
      this.#passOn(body);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #passOn(body: BodySink): void {
    const { ring } = this.#watch;
    const { observer } = this.#parts;
    let passed = 0;
    while (!this.isOver) {
      if (this.#position < ring.first) this.#lag();
      if (this.isOver || this.isPaused) return;
      if (this.#position === ring.end) break;
      const from = this.#position;
      const event = ring.at(from);
      this.#position += 1;
      if (!this.#wants(event)) continue;
      const bytes = this.#hasHadEvent ? this.#batch(ring, from) : event.first;
      this.#hasHadEvent = true;
      passed += bytes.length;
      body.data(bytes);
      observer.delivered(this.#position - from);
      if (passed < portion) continue;
      passed = 0;
      body.idle();
    }
    if (passed > 0) body.idle();
    const { ending } = this.#watch;
    if (this.#position < ring.end || ending === undefined) return;
    if (ending === 'end') this.end();
    else if (ending instanceof LostError) this.#lose(ending, body);
    else this.fail(ending);
  }

  #lose(error: LostError, body: BodySink): void {
    const age = this.#age + (this.#begun?.age ?? 0);
    this.abort();
    this.#client.lost(error, { body, version: this.#version, age, isPaused: this.isPaused });
  }

  /**
   * The event at this position. If it is the first of several events that came together, it returns them joined: one write of eight events
   * costs little more than a write of one. A client that lags behind gets single events, because its position is its own and it would need
   * a copy of its own.
   */
  #batch(ring: EventRing, from: number): BorrowedBytes {
    const first = ring.at(from).bytes;
    if (from !== ring.latest) return first;
    let { length } = first;
    while (this.#position < ring.end) {
      const next = ring.at(this.#position);
      length += next.bytes.length;
      if (length > portion || !this.#wants(next)) break;
      this.#position += 1;
    }
    return ring.batch(from, this.#position);
  }

  /** Whether the client gets this event. All clients get an ERROR. */
  #wants({ type, version }: WatchEvent): boolean {
    if (type !== 'ERROR') {
      if (!this.#isSettled && compareVersions(version, this.#version) <= 0) return false;
      this.#isSettled = true;
      this.#version = version;
    }
    return type !== 'BOOKMARK' || this.#bookmarks;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#watch.call(this);
  }

  /** The client has gone. */
  abort(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#cancelEnd();
    this.stateChanged();
    if (this.#body !== undefined) this.#parts.observer.clients(-1);
    this.#watch.leave(this);
  }

  /** Ends the client's response, complete. */
  end(): void {
    if (this.isOver) return;
    this.abort();
    this.#client.sink.end();
  }

  /** Cuts the client off, because it reads too slowly. */
  #lag(): void {
    this.#parts.observer.lagged();
    this.fail(new LaggingError('the client reads the events of its watch too slowly'));
  }

  /** Ends the client's response with the error. */
  fail(error: Error): void {
    this.abort();
    this.#client.sink.error(error);
  }
}
