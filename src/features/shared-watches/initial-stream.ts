import { Backlog } from './backlog.js';
import { EventRing } from './event-ring.js';
import { Hold } from './hold.js';
import { type Ending, LastingWatch, type WatchHandler } from './lasting-watch.js';
import { type Place, Places } from './places.js';
import { type AfterRefusal, Senders } from './senders.js';
import type { SharedBeginning, SharedWatch, SharedWatchParts } from './shared-watch.js';
import { SlowClients } from './slow-clients.js';
import type { Turn } from './turns.js';
import type { WatchEvent } from './watch-event.js';
import type { LocalApi, Sender, WatchToShare } from './watch-to-share.js';
import type { Watcher, WatchSource } from './watcher.js';

/** An initial stream that has got its bookmark of this version. */
export type StreamAtBookmark = Required<SharedBeginning>;

/** What owns an initial stream. */
interface StreamOwner {
  /** The bookmark after the initial events has come. Returns the shared watch for the clients: an open one, or this one from now on. */
  reached(beginning: StreamAtBookmark): SharedWatch;
  /** The stream may be sent now. */
  ready(): void;
  /** The stream is over before its bookmark. */
  ended(ending: Ending): void;
}

/** After this number of clients, others may have their turn. */
const some = 16;
/** How many bytes a client may be behind, while others go on. */
const mostBehind = 8 * 1024 * 1024;
/**
 * One watch at the API server that begins with the initial events, for all clients that asked before it was sent. It sends an event for each
 * object, then a bookmark (KEP-3157). Up to this bookmark every client gets the same bytes, as the API server sent them. The fastest client
 * sets the pace; what slower ones lack is kept, up to `mostBehind`, in the memory for events. After the bookmark the clients move to a
 * shared watch, and if there is none for them, this stream becomes one. A stream that breaks off ends its clients.
 */
export class InitialStream implements WatchHandler, WatchSource, Turn {
  readonly version = undefined;
  /** Always empty: the backlog has the events. */
  readonly ring: EventRing;
  readonly api: LocalApi | undefined;
  readonly #senders: Senders;
  readonly #parts: SharedWatchParts;
  readonly #owner: StreamOwner;
  readonly upstream: LastingWatch;
  readonly #backlog: Backlog;
  readonly #places = new Places();
  /** The clients that may get their next piece. */
  readonly #ready = new Set<Watcher>();
  /** The clients that have not taken their last piece. */
  readonly #slow: SlowClients;
  #isStarted = false;
  #hasEvents = false;
  /** Whether it began for several clients. */
  #isShared = false;
  readonly #hold: Hold;
  /** Where the clients go after the last piece. */
  #next: { readonly watch: SharedWatch; readonly version: string } | undefined;
  ending: Ending | undefined;

  constructor(parts: SharedWatchParts, request: WatchToShare, owner: StreamOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.api = request.api;
    this.#senders = new Senders(request.sender);
    this.ring = new EventRing('0', parts.budget);
    this.#backlog = new Backlog(parts.budget);
    this.upstream = new LastingWatch(parts, request, this);
    const among = request.api === undefined ? 'one user' : 'users';
    this.#hold = new Hold(parts.clock, among, () => this.#dropBehind());
    this.#slow = new SlowClients(parts.clock, client => this.#onTooSlow(client));
  }

  /** Whether there is a client as whom it can be sent. */
  get isReady(): boolean {
    return this.api === undefined || this.#places.letIn().next().done === false;
  }

  /** A client's user may watch this. Until then it waits here, and gets nothing. */
  letIn(client: Watcher): void {
    const place = this.#places.get(client);
    if (place !== undefined) place.isLetIn = true;
    if (!this.#isStarted && this.ending === undefined) this.#owner.ready();
  }

  /** Sends it as one of its clients. The one that asked first may have left. */
  start(): void {
    this.#isStarted = true;
    this.#chooseSender();
    this.#parts.observer.watches(1);
    this.upstream.start();
  }

  /** The number of clients. */
  get size(): number {
    return this.#places.size;
  }

  get sender(): Sender {
    return this.#senders.current;
  }

  #chooseSender(): void {
    for (const { sender } of this.#places.letIn()) if (this.#senders.take(sender)) return;
  }

  enter(client: Watcher): void {
    this.#places.enter(client, this.api === undefined);
  }

  leave(client: Watcher): void {
    const place = this.#places.get(client);
    if (place === undefined) return;
    this.#places.delete(client);
    this.#ready.delete(client);
    this.#slow.delete(client);
    this.#backlog.release(place.next);
    if (this.#places.size > 0) this.#keepPace();
    else if (this.#next === undefined) this.close();
    else this.#next.watch.expectsNoMore(this);
  }

  has(client: Watcher): boolean {
    return this.#places.has(client);
  }

  call(client: Watcher): void {
    if (!this.#places.has(client)) return;
    if (!client.isPaused) this.#slow.accepts(client);
    this.#ready.add(client);
    this.#work();
  }

  /** Ends the stream. By default its clients are cut off. */
  close(ending: Ending = new Error('the watch is no longer shared')): void {
    this.upstream.stop();
    this.ended(ending);
  }

  began(): void {
    this.#isShared = this.size > 1;
    this.#parts.observer.initialStream(this.size);
    for (const client of this.#places.keys()) client.stateChanged();
  }

  received(event: WatchEvent): void {
    this.#backlog.append((this.#hasEvents ? event.bytes : event.first).keep(), this.size);
    this.#hasEvents = true;
    this.#parts.observer.received();
    if (!event.endsInitialEvents) return;
    const { version } = event;
    this.#over();
    const watch = this.#owner.reached({ version, upstream: this.upstream });
    this.#next = { watch, version };
    watch.expects(this);
    this.#callAll();
  }

  idle(): void {
    if (this.#next === undefined) this.#callAll();
  }

  refused(): AfterRefusal {
    return this.#senders.refused(this.#places.letIn());
  }

  /** Only called before the first event, after a refusal: there is no version to continue from. */
  mayReopen(open: () => void): void {
    this.#chooseSender();
    open();
  }

  /** Never called. */
  resumed(): void {}

  ended(ending: Ending): void {
    if (this.ending !== undefined || this.#next !== undefined) return;
    this.ending = ending;
    this.#over();
    this.#owner.ended(ending);
    for (const client of this.#places.keys()) client.stateChanged();
    this.#callAll();
  }

  /** The request at the API server is over, or belongs to a shared watch now. */
  #over(): void {
    if (this.#isStarted) this.#parts.observer.watches(-1);
  }

  /** All clients may get what has come. */
  #callAll(): void {
    this.#backlog.complete(this.size);
    for (const client of this.#places.keys()) this.#ready.add(client);
    this.#work();
  }

  #work(): void {
    this.#parts.turns.call(this);
    this.#parts.turns.run();
    this.#keepPace();
  }

  /** Sends the next piece to some clients. */
  work(): void {
    let count = 0;
    for (const client of this.#ready) {
      this.#ready.delete(client);
      // One that has not begun, or has not taken its last piece, calls later.
      if (client.hasBegun && (!client.isPaused || this.#isAtEnd(client))) this.#pass(client);
      count += 1;
      if (count === some) break;
    }
    if (this.#ready.size > 0) this.#parts.turns.call(this);
    else this.#keepPace();
  }

  #pass(client: Watcher): void {
    const place = this.#places.get(client) as Place;
    if (place.next < this.#backlog.first) {
      client.lag();
      return;
    }
    const piece = this.#backlog.take(place.next);
    if (piece === undefined) {
      this.#leadOn(client);
      return;
    }
    place.next += 1;
    place.sent += piece.bytes.length;
    client.pass(piece.bytes, piece.events);
    if (!this.#places.has(client)) return;
    if (client.isPaused) {
      this.#slow.add(client, place.sent);
      place.sent = 0;
    }
    this.#ready.add(client);
  }

  #isAtEnd(client: Watcher): boolean {
    return this.#places.get(client)?.next === this.#backlog.end;
  }

  /** A client has had all of the stream: it moves to the next watch, or ends. */
  #leadOn(client: Watcher): void {
    if (this.#next !== undefined) client.continueAt(this.#next.watch, this.#next.version);
    else if (this.ending !== undefined) client.work();
  }

  /** Reads nothing more from the API server while each client has something to take, or while one is too far behind. */
  #keepPace(): void {
    if (this.#next !== undefined || this.ending !== undefined) {
      this.#hold.end();
      return;
    }
    if (this.#backlog.bytes > mostBehind) this.#leaveBehind();
    const isBusy = this.#ready.size > 0 || (this.size > 0 && this.#slow.size === this.size);
    if (!isBusy && this.#backlog.bytes > mostBehind) this.#hold.begin();
    else this.#hold.end();
    const waits = isBusy || this.#hold.isOn;
    if (waits === this.upstream.isPaused) return;
    if (waits) this.upstream.pause();
    else this.upstream.resume();
  }

  /** Nobody waits for clients that have not begun, because it is not known yet whether they may watch. They get watches of their own. */
  #leaveBehind(): void {
    for (const [client, { next }] of this.#places) {
      if (client.hasBegun) continue;
      this.#places.delete(client);
      this.#backlog.release(next);
    }
    if (this.size === 0) this.close();
  }

  /** Cuts the clients off that are too far behind. */
  #dropBehind(): void {
    while (this.#backlog.bytes > mostBehind) this.#backlog.dropOldest();
    for (const client of this.#places.before(this.#backlog.first)) client.lag();
    this.#keepPace();
  }

  /** Ends all clients now: the API server no longer serves the API of the watch itself. */
  expel(): void {
    this.close('end');
    for (const client of this.#places.keys()) if (client.hasBegun) client.end();
  }

  #onTooSlow(client: Watcher): void {
    // After the others, it still takes memory.
    if (this.size > 1 || (this.#isShared && this.#next !== undefined)) client.lag();
  }
}
