import type { Clock } from '../../lib/clock.js';
import type { BorrowedBytes } from '../borrowed-bytes.js';
import { LaggingError } from '../lagging-error.js';
import type { BodySink, ResponseSink, RoundTrip } from '../round-trip.js';
import type { EventRing, RingEntry } from './event-ring.js';
import { type Ending, UnsharableError, type WatchHead } from './lasting-watch.js';
import { compareVersions } from './resource-version.js';
import type { Turn } from './turns.js';
import type { ClientWatch, ShareObserver } from './watch-to-share.js';

/** Bytes for a client between two looks at whether it can take more. */
const portion = 64 * 1024;
/** The longest delay that `setTimeout` has. */
const longestDelay = 2 ** 31 - 1;
/** Milliseconds that a watch lasts at least whose client sets no limit; at most it is twice that. The API server's `--min-request-timeout`. */
const minLifetime = 30 * 60_000;

/** Where the events of a watcher come from. */
export interface Feed {
  /** What the API server has answered; undefined before it has. */
  readonly head: WatchHead | undefined;
  readonly ring: EventRing;
  /** How its watchers end behind the last event; undefined while it goes on. */
  readonly ending: Ending | undefined;
  enter(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  /** Lets a watcher work when it is its turn. */
  call(watcher: Watcher): void;
}

/** What watchers have in common. */
interface WatcherParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly observer: ShareObserver;
}

/** One client of a shared watch: how far it has got, and when it ends. */
export class Watcher implements RoundTrip, Turn {
  readonly #parts: WatcherParts;
  /** Whether its client has asked for bookmarks. */
  readonly #bookmarks: boolean;
  readonly #sink: ResponseSink;
  #watch: Feed;
  /** Undefined until it has begun. */
  #body: BodySink | undefined;
  /** Position of its next event in the ring. */
  #position = 0;
  /** It has had everything before this version. */
  #version: string;
  /** Whether it has had all that has this version, and not only the events that came. */
  #hasVersion = true;
  /** Whether all events from its position on are newer than its version. A client may be ahead of the watch that it joins. */
  #isSettled = false;
  #hasHadEvent = false;
  #isPaused = false;
  #isOver = false;
  /** Undefined once it has begun: a watch to share is large. */
  #client: ClientWatch | undefined;
  #cancelEnd: () => void = () => {};
  #waiting: { resolve(): void; reject(error: Error): void } | undefined;

  /** It waits at this watch until it begins. */
  constructor(watch: Feed, client: ClientWatch, sink: ResponseSink, parts: WatcherParts) {
    this.#parts = parts;
    this.#watch = watch;
    this.#client = client;
    this.#bookmarks = client.bookmarks;
    this.#version = client.version;
    this.#sink = sink;
    watch.enter(this);
  }

  /**
   * Waits until the API server has begun to answer, or the client leaves. Rejects with an UnsharableError if the answer cannot be shared, or
   * with the error of the watch.
   */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#watch.head !== undefined || this.#watch.ending !== undefined) this.hear();
    });
  }

  /** Its watch has been opened, or is over. A client that has left waits for nothing, and nothing keeps it in memory. */
  hear(): void {
    const waiting = this.#waiting;
    const { ending } = this.#watch;
    this.#waiting = undefined;
    if (ending === undefined || this.#isOver) waiting?.resolve();
    else waiting?.reject(ending === 'end' ? new UnsharableError('the watch has ended') : ending);
  }

  /** Begins to pass events on. False if those after its version are not there, or no longer: then it has left. */
  begin(): boolean {
    const { head, ending, ring } = this.#watch;
    const position = ring.positionAfter(this.#version);
    if (head === undefined || ending !== undefined || position === undefined) {
      this.abort();
      return false;
    }
    this.#position = position;
    this.#isSettled = ring.isPast(this.#version);
    const { clock, observer } = this.#parts;
    const lifetime = this.#lifetime(this.#client as ClientWatch);
    this.#client = undefined;
    this.#cancelEnd = clock.schedule(lifetime, () => this.#end());
    this.#try(() => {
      this.#body = this.#sink.head(head.statusCode, head.statusMessage, headersNow(head.headers));
      observer.clients(1);
    });
    // Its credential may have ended while it waited for the API server.
    if (lifetime === 0) this.#end();
    else this.work();
    return true;
  }

  /** Goes on at another watch, if all events are there that it has not had. */
  moveTo(watch: Feed): void {
    const before = this.#watch;
    const position = this.#positionIn(watch.ring);
    if (this.#body === undefined || position === undefined) return;
    this.#position = position;
    this.#isSettled = !this.#hasVersion || watch.ring.isPast(this.#version);
    this.#watch = watch;
    watch.enter(this);
    before.leave(this);
  }

  /** Where the ring of another watch has its next event; undefined if it has not. */
  #positionIn(ring: EventRing): number | undefined {
    if (this.#hasVersion) return ring.positionAfter(this.#version);
    const count = this.#watch.ring.countBefore(this.#position, this.#version);
    return count === undefined ? undefined : ring.positionBehind(this.#version, count);
  }

  /** A random one has whole seconds: Node has a list of timers for each delay, and thousands of lists cost memory. */
  #lifetime({ timeout, expires = Number.POSITIVE_INFINITY }: ClientWatch): number {
    const { clock, random } = this.#parts;
    const randomLifetime = () => minLifetime + Math.floor((minLifetime / 1000) * random()) * 1000;
    return Math.max(0, Math.min(timeout ?? randomLifetime(), expires - clock.now(), longestDelay));
  }

  /** Passes on what is there, as far as the client takes it. */
  work(): void {
    const body = this.#body;
    if (body === undefined || this.#isOver) return;
    // No call of #try: a closure for each client and event would be garbage.
    try {
      this.#passOn(body);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #passOn(body: BodySink): void {
    const { ring } = this.#watch;
    const { observer } = this.#parts;
    let passed = 0;
    while (!this.#isOver) {
      if (this.#position < ring.first) {
        observer.lagged();
        throw new LaggingError('the client reads more slowly than the events of its watch come');
      }
      if (this.#isPaused) return;
      if (this.#position === ring.end) break;
      const from = this.#position;
      const entry = ring.at(from);
      this.#position += 1;
      if (!this.#wants(entry)) continue;
      const bytes = this.#hasHadEvent ? this.#batch(ring, from) : entry.first;
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
    if (this.#position !== ring.end || ending === undefined) return;
    if (ending instanceof Error) throw ending;
    this.#end();
  }

  /**
   * The event at this position. If it is the first of those that came together, with those after it: one write costs little more for eight
   * events than for one. A client that lags behind has a place of its own, and would need a copy of its own.
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

  /** Whether an event is for this client. An ERROR is for everybody. */
  #wants({ type, version }: RingEntry): boolean {
    if (type !== 'ERROR') {
      if (!this.#isSettled && compareVersions(version, this.#version) <= 0) return false;
      this.#isSettled = true;
      this.#version = version;
      this.#hasVersion = type === 'BOOKMARK';
    }
    return type !== 'BOOKMARK' || this.#bookmarks;
  }

  /** Whether its client takes nothing more for now. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#watch.call(this);
  }

  /** Its client has gone. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelEnd();
    this.hear();
    if (this.#body !== undefined) this.#parts.observer.clients(-1);
    this.#watch.leave(this);
  }

  #end(): void {
    if (this.#isOver) return;
    this.abort();
    this.#sink.end([]);
  }

  /** The sink hears of what it, or the watch, cannot go on with. */
  #try(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.abort();
    this.#sink.error(error);
  }
}

/** The fields of a response that was received a while ago, as if it were sent now. */
function headersNow(headers: readonly string[]): string[] {
  const now = [...headers];
  for (let index = 0; index < now.length; index += 2) {
    if ((now[index] as string).toLowerCase() === 'date') now[index + 1] = new Date().toUTCString();
  }
  return now;
}
