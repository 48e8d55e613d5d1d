import type { ReviewingCluster } from '../../reviews/access-review.js';
import type { ClientSink, RoundTrip } from '../../transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../transport/upstream-call.js';
import { SentRequest } from '../../transport/upstream-request.js';
import { InitialSchedule } from './initial-schedule.js';
import { InitialStream, type StreamAtBookmark } from './initial-stream.js';
import { type Ending, UnsharableError } from './lasting-watch.js';
import { Lingering } from './lingering.js';
import type { Join } from './metrics.js';
import { type SharedBeginning, SharedWatch, type SharedWatchParts } from './shared-watch.js';
import { UnsharableKeys } from './unsharable-keys.js';
import { type WatchRequest, type WatchToShare, watchToShare } from './watch-to-share.js';
import { Watcher, type WatchSource } from './watcher.js';

/** What the shared watches of a cluster need. */
interface ShareParts extends SharedWatchParts {
  readonly source: ReviewingCluster;
}

/** The most shared watches with the same key. Each of them begins at an earlier version than those before it. */
const mostOfOneKind = 10;

/**
 * Sends one watch for all clients that want the same, as the API server's watch cache has one watch of etcd for all of them. Each client
 * gets the same events as from a watch of its own; only the time at which its response ends may differ. A shared watch outlives the
 * accesses that it is sent with.
 */
export class SharedWatches {
  readonly #parts: ShareParts;
  /** The open shared watches, by key. A client may need a watch that begins earlier than an existing one with the same key. */
  readonly #watches = new Map<string, SharedWatch[]>();
  /** When the streams of initial events are sent that some clients wait for, by `initialKey`. */
  readonly #schedules = new Map<string, InitialSchedule<InitialStream>>();
  readonly unsharable: UnsharableKeys;
  readonly #lingering: Lingering;
  #isClosed = false;

  constructor(parts: ShareParts) {
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
   * many with the same key.
   */
  find(request: WatchToShare, version: string): SharedWatch | undefined {
    if (this.#isClosed) return undefined;
    const found = this.#largest(request.key, watch => watch.serves(version));
    if (found !== undefined) return found;
    const { length } = this.#watches.get(request.key) ?? [];
    return length < mostOfOneKind ? this.#open(request, { version }) : undefined;
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

/** How a client gets its events. */
interface Joining {
  readonly how: Join;
  /** Why it does not join; undefined if it does. */
  readonly refusal: Join | undefined;
  readonly of: WatchSource;
}

/** Who wants a watch, and gets its response. */
interface Client {
  readonly request: WatchRequest;
  readonly sink: ClientSink;
  readonly observer: CallObserver;
}

/** Finds the watch for one client: a shared one, or one of its own. */
class SharingTrip implements RoundTrip {
  readonly #shared: SharedWatches;
  readonly #parts: ShareParts;
  readonly #client: Client;
  /** The watcher that waits at a shared watch or gets its events, or else the client's own round trip. */
  #trip: RoundTrip | undefined;
  #isAborted = false;

  constructor(shared: SharedWatches, parts: ShareParts, client: Client) {
    this.#shared = shared;
    this.#parts = parts;
    this.#client = client;
  }

  start(): this {
    this.#choose().catch((error: Error) => this.#fail(error));
    return this;
  }

  async #choose(): Promise<void> {
    // Each call waits, if only for a microtask: a response that began before `send` returned could not be paused.
    const { source } = this.#parts;
    const request = await watchToShare(this.#client.request, await source.access(), source);
    if (this.#isAborted) return;
    if (request === undefined) this.#goAlone();
    else if (this.#shared.unsharable.has(request)) this.#goAlone('own');
    else if (request.version === undefined) await this.#shareInitialEvents(request);
    else await this.#share(request, request.version);
  }

  async #shareInitialEvents(request: WatchToShare): Promise<void> {
    const stream = this.#shared.initialStream(request);
    if (stream === undefined) {
      this.#goAlone('own');
      return;
    }
    const watcher = this.#enter(stream, request);
    const refusal = await watcher.opened().then(() => undefined, toOwn);
    this.#begin(watcher, { how: 'initial', refusal, of: stream });
  }

  async #share(request: WatchToShare, version: string): Promise<void> {
    const watch = this.#shared.find(request, version);
    if (watch === undefined) {
      this.#goAlone('own');
      return;
    }
    const how = watch.upstream.firstHead === undefined && watch.size === 0 ? 'opened' : 'ring';
    const watcher = this.#enter(watch, request);
    let refusal: Join | undefined;
    if (watch.upstream.firstHead === undefined) refusal = await watcher.opened().then(() => undefined, toOwn);
    else if (!(await this.#mayJoin(watch))) refusal = 'refused';
    // The watch may have been lost, and have continued, while the API server was asked.
    if (!watch.isUnbrokenSince(version)) refusal ??= 'own';
    this.#begin(watcher, { how, refusal, of: watch });
  }

  /** Also false if the API server does not say it. */
  #mayJoin({ question }: SharedWatch): true | Promise<boolean> {
    const { reviews } = this.#parts;
    return (
      reviews.isPermitted(question) ||
      reviews.ask(question).then(
        ({ isAllowed }) => isAllowed,
        () => false,
      )
    );
  }

  #enter(watch: WatchSource, request: WatchToShare): Watcher {
    const { isStillValid } = this.#client.request;
    const watcher = new Watcher(watch, request, { sink: this.#client.sink, isStillValid }, this.#parts);
    this.#trip = watcher;
    return watcher;
  }

  /** Begins the client's response, unless the client must have a watch of its own. */
  #begin(watcher: Watcher, { how, refusal, of }: Joining): void {
    if (this.#isAborted) return;
    const { sent } = of.upstream;
    if (refusal === undefined) {
      if (sent !== undefined) this.#client.observer.sent?.(this.#asOwn(sent));
      if (watcher.begin()) {
        this.#parts.observer.joined(how);
        return;
      }
    }
    watcher.abort();
    this.#goAlone(refusal ?? 'own');
  }

  /** What this client's request would have been sent with: the clients of a watch may differ in the ID of their credential. */
  #asOwn(sent: SentRequest): SentRequest {
    const { impersonation } = this.#client.request.own;
    return typeof impersonation === 'object' ? new SentRequest(sent.host, impersonation) : sent;
  }

  /** @param join Undefined for a watch that cannot be shared because of its request. */
  #goAlone(join?: Join): void {
    if (join !== undefined) this.#parts.observer.joined(join);
    const { source } = this.#parts;
    const call = new UpstreamCall(source, this.#client.request.own, this.#client.sink, this.#client.observer);
    this.#trip = call;
    call.start();
  }

  #fail(error: Error): void {
    const isAborted = this.#isAborted;
    this.abort();
    if (!isAborted) this.#client.sink.error(error);
  }

  pause(): void {
    this.#trip?.pause();
  }

  resume(): void {
    this.#trip?.resume();
  }

  abort(): void {
    this.#isAborted = true;
    this.#trip?.abort();
  }
}

/** If a watch cannot be shared, each client opens its own. Any other error goes to all clients. */
function toOwn(error: Error): Join {
  if (error instanceof UnsharableError) return 'own';
  throw error;
}
