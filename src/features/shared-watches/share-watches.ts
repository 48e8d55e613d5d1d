import type { ClientSink, RoundTrip } from '../../transport/round-trip.js';
import type { CallObserver } from '../../transport/upstream-call.js';
import { InitialSchedule } from './initial-schedule.js';
import { InitialStream, type StreamAtBookmark } from './initial-stream.js';
import { type Ending, UnsharableError } from './lasting-watch.js';
import { Lingering } from './lingering.js';
import { senderKey } from './senders.js';
import { type SharedBeginning, SharedWatch } from './shared-watch.js';
import { SharingTrip, type TripParts } from './sharing-trip.js';
import { UnsharableKeys } from './unsharable-keys.js';
import type { LocalApi, WatchRequest, WatchToShare } from './watch-to-share.js';

/** The most shared watches with the same key. Each of them begins at an earlier version than those before it. */
const mostOfOneKind = 10;
/** How many of them one user may cause, if users share them. */
const mostOfOneUser = 2;

/**
 * Sends one watch for all clients that want the same, as the API server's watch cache has one watch of etcd for all of them. Each client
 * gets the same events as from a watch of its own; only the time at which its response ends may differ. A shared watch outlives the
 * accesses that it is sent with.
 */
export class SharedWatches {
  readonly #parts: TripParts;
  /** The open shared watches, by key. A client may need a watch that begins earlier than an existing one with the same key. */
  readonly #watches = new Map<string, SharedWatch[]>();
  /** When the streams of initial events are sent that some clients wait for, by `initialKey`. */
  readonly #schedules = new Map<string, InitialSchedule<InitialStream>>();
  readonly unsharable: UnsharableKeys;
  readonly #lingering: Lingering;
  #isClosed = false;

  constructor(parts: TripParts) {
    this.#parts = parts;
    this.#lingering = new Lingering(parts.clock);
    this.unsharable = new UnsharableKeys(parts.clock);
  }

  /** Lets a client join a shared watch, or sends its own request. The sink gets the response after this call. */
  send(request: WatchRequest, sink: ClientSink, observer: CallObserver = {}): RoundTrip {
    return new SharingTrip(this, this.#parts, { request, sink, observer }).start();
  }

  /** Closes each shared watch when its last client has left, and shares no new watch. */
  close(): void {
    this.#isClosed = true;
    for (const watch of this.#all) {
      watch.resumeNoMore();
      if (watch.size === 0) watch.close();
    }
  }

  /** Ends the clients of all watches of an API that the API server no longer serves itself. */
  expel(api: LocalApi): void {
    for (const watch of this.#all) if (watch.api === api) watch.expel();
    for (const { requests } of this.#schedules.values())
      for (const stream of requests) if (stream.api === api) stream.expel();
  }

  /** Cuts all clients of shared watches. */
  destroy(): void {
    for (const watch of this.#all) watch.close();
    for (const schedule of this.#schedules.values()) for (const stream of schedule.requests) stream.close();
  }

  get #all(): SharedWatch[] {
    return [...this.#watches.values()].flat();
  }

  /**
   * Finds the shared watch for a client of this version: the one with the most clients, or a new one. Returns undefined if there are too
   * many with the same key, or its user has caused too many of them.
   */
  find(request: WatchToShare, version: string): SharedWatch | undefined {
    if (this.#isClosed) return undefined;
    const found = this.#largest(request.key, watch => watch.serves(version));
    if (found !== undefined) return found;
    return this.#mayOpen(request) ? this.#open(request, { version }) : undefined;
  }

  #mayOpen({ key, api, sender }: WatchToShare): boolean {
    const watches = this.#watches.get(key) ?? [];
    if (api === undefined) return watches.length < mostOfOneKind;
    const user = senderKey(sender);
    const own = watches.filter(({ causedBy }) => causedBy === user);
    return watches.length < mostOfOneKind && own.length < mostOfOneUser;
  }

  /** The initial stream for a client: one that is not sent yet. */
  initialStream(request: WatchToShare): InitialStream | undefined {
    if (this.#isClosed) return undefined;
    const { initialKey } = request;
    const schedule =
      this.#schedules.get(initialKey) ??
      new InitialSchedule<InitialStream>(this.#parts.clock, () => this.#schedules.delete(initialKey));
    this.#schedules.set(initialKey, schedule);
    return schedule.join(() => {
      const stream: InitialStream = new InitialStream(this.#parts, request, {
        reached: beginning => {
          schedule.done(stream);
          return this.#watchAfter(request, beginning, stream.size);
        },
        ready: () => schedule.ready(),
        ended: ending => {
          schedule.done(stream);
          this.#remember(request, ending);
        },
      });
      return stream;
    });
  }

  /** The shared watch for the clients of an initial stream that is at its bookmark: an open one, or the stream itself from now on. */
  #watchAfter(request: WatchToShare, beginning: StreamAtBookmark, clients: number): SharedWatch {
    const { version, upstream } = beginning;
    const open = this.#largest(
      request.key,
      watch =>
        watch.upstream.firstHead !== undefined && watch.serves(version) && watch.hasColumns(upstream.columns),
    );
    this.#parts.observer.moved(open === undefined ? 'opened' : 'ring', clients);
    const watch = open ?? this.#open(request, beginning);
    if (open !== undefined) upstream.stop();
    else if (this.#isClosed) watch.resumeNoMore();
    return watch;
  }

  #largest(key: string, isUsable: (watch: SharedWatch) => boolean): SharedWatch | undefined {
    const watches = this.#watches.get(key) ?? [];
    const [largest] = watches.filter(isUsable).sort((one, other) => other.size - one.size);
    return largest;
  }

  #open(request: WatchToShare, beginning: SharedBeginning): SharedWatch {
    const { key } = request;
    const others = this.#watches.get(key) ?? [];
    const watch: SharedWatch = new SharedWatch(this.#parts, request, beginning, {
      lingering: this.#lingering,
      ended: ending => {
        this.#remember(request, ending);
        this.#forget(key, watch);
      },
    });
    for (const other of others) watch.willReplace(other);
    this.#watches.set(key, [...others, watch]);
    watch.start();
    return watch;
  }

  #remember(request: WatchToShare, ending: Ending): void {
    if (ending instanceof UnsharableError) this.unsharable.add(request, ending);
  }

  #forget(key: string, watch: SharedWatch): void {
    const others = (this.#watches.get(key) ?? []).filter(other => other !== watch);
    if (others.length === 0) this.#watches.delete(key);
    else this.#watches.set(key, others);
  }
}
