import type { ReviewingCluster } from '../clusters/access-review.js';
import { Moment } from '../lib/moment.js';
import type { ResponseSink, RoundTrip } from '../transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../transport/upstream-call.js';
import { VersionAheadError } from './event-ring.js';
import { UnsharableError } from './lasting-watch.js';
import { Lingering } from './lingering.js';
import type { Join } from './share-observer.js';
import { SharedWatch, type SharedWatchParts } from './shared-watch.js';
import { ColumnsChangedError } from './table-events.js';
import { type WatchRequest, type WatchToShare, watchToShare } from './watch-to-share.js';
import { Watcher } from './watcher.js';

/** What the shared watches of a cluster need. */
interface ShareParts extends SharedWatchParts {
  readonly source: ReviewingCluster;
}

/** If a watch could not be shared, watches with the same key are not shared for this number of milliseconds. */
const unsharableFor = 10 * 60_000;
const mostUnsharable = 1_000;
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
  /** The keys of watches that cannot be shared, some with a version, and since when this is known. */
  readonly #unsharable = new Map<string, Moment>();
  readonly #lingering: Lingering;
  #isClosed = false;

  constructor(parts: ShareParts) {
    this.#parts = parts;
    this.#lingering = new Lingering(parts.clock);
  }

  /** Lets a client join a shared watch, or sends its own request. The sink gets the response after this call. */
  send(request: WatchRequest, sink: ResponseSink, observer: CallObserver = {}): RoundTrip {
    return new SharingTrip(this, this.#parts, request, sink, observer).start();
  }

  /** Closes each shared watch when its last client has left, and shares no new watch. */
  close(): void {
    this.#isClosed = true;
    for (const watch of this.#all) watch.closeWhenLeft();
  }

  /** Cuts all clients of shared watches. */
  destroy(): void {
    for (const watch of this.#all) watch.close();
  }

  get #all(): SharedWatch[] {
    return [...this.#watches.values()].flat();
  }

  isUnsharable(request: WatchToShare): boolean {
    return [request.key, keyWithVersion(request)].some(key => {
      const since = this.#unsharable.get(key);
      return since !== undefined && since.age < unsharableFor;
    });
  }

  /**
   * Finds the shared watch for a client: the one with the most clients, or a new one. Returns undefined if there are too many with the same
   * key.
   */
  find(request: WatchToShare): SharedWatch | undefined {
    if (this.#isClosed) return undefined;
    const watches = this.#watches.get(request.key) ?? [];
    const [found] = watches
      .filter(watch => watch.serves(request.version))
      .sort((one, other) => other.size - one.size);
    return found ?? (watches.length < mostOfOneKind ? this.#open(request, watches) : undefined);
  }

  #open(request: WatchToShare, others: readonly SharedWatch[]): SharedWatch {
    const { key } = request;
    const watch: SharedWatch = new SharedWatch(this.#parts, request, {
      lingering: this.#lingering,
      ended: ending => {
        if (ending instanceof UnsharableError) this.#remember(request, ending);
        this.#forget(key, watch);
      },
    });
    for (const other of others) watch.willReplace(other);
    this.#watches.set(key, [...others, watch]);
    watch.start();
    return watch;
  }

  #remember(request: WatchToShare, { cause }: UnsharableError): void {
    // A watch that begins after the change can be shared.
    if (cause instanceof ColumnsChangedError) return;
    // The client has chosen the version. Watches from other versions can be shared.
    const key = cause instanceof VersionAheadError ? keyWithVersion(request) : request.key;
    this.#unsharable.delete(key);
    this.#unsharable.set(key, new Moment(this.#parts.clock));
    const [oldest] = this.#unsharable.keys();
    if (this.#unsharable.size > mostUnsharable) this.#unsharable.delete(oldest as string);
  }

  #forget(key: string, watch: SharedWatch): void {
    const others = (this.#watches.get(key) ?? []).filter(other => other !== watch);
    if (others.length === 0) this.#watches.delete(key);
    else this.#watches.set(key, others);
  }
}

function keyWithVersion({ key, version }: Pick<WatchToShare, 'key' | 'version'>): string {
  return `${key} ${version}`;
}

/** Finds the watch for one client: a shared one, or one of its own. */
class SharingTrip implements RoundTrip {
  readonly #shared: SharedWatches;
  readonly #parts: ShareParts;
  readonly #request: WatchRequest;
  readonly #sink: ResponseSink;
  readonly #observer: CallObserver;
  /** The watcher that waits at a shared watch or gets its events, or else the client's own round trip. */
  #trip: RoundTrip | undefined;
  #isAborted = false;

  constructor(
    shared: SharedWatches,
    parts: ShareParts,
    request: WatchRequest,
    sink: ResponseSink,
    observer: CallObserver,
  ) {
    this.#shared = shared;
    this.#parts = parts;
    this.#request = request;
    this.#sink = sink;
    this.#observer = observer;
  }

  start(): this {
    this.#choose().catch((error: Error) => this.#fail(error));
    return this;
  }

  async #choose(): Promise<void> {
    // Each call waits, if only for a microtask: a response that began before `send` returned could not be paused.
    const { source } = this.#parts;
    const request = await watchToShare(this.#request, await source.access(), source);
    if (this.#isAborted) return;
    if (request === undefined) this.#goAlone();
    else if (this.#shared.isUnsharable(request)) this.#goAlone('own');
    else await this.#share(request);
  }

  async #share(request: WatchToShare): Promise<void> {
    const watch = this.#shared.find(request);
    if (watch === undefined) {
      this.#goAlone('own');
      return;
    }
    const isNew = watch.head === undefined && watch.size === 0;
    const watcher = new Watcher(watch, request, this.#sink, this.#parts);
    this.#trip = watcher;
    let refusal: Join | undefined;
    if (watch.head === undefined) refusal = await watcher.opened().then(() => undefined, toOwn);
    else if (!watch.isPermitted) refusal = (await watch.askPermission()) ? undefined : 'refused';
    if (this.#isAborted) return;
    // The watch may have been lost, and have continued, while the API server was asked.
    if (refusal === undefined && watch.isUnbrokenSince(request.version) && watcher.begin()) {
      this.#parts.observer.joined(isNew ? 'opened' : 'ring');
      if (watch.sent !== undefined) this.#observer.joined?.(watch.sent);
      return;
    }
    watcher.abort();
    this.#goAlone(refusal ?? 'own');
  }

  /** @param join Undefined for a watch that cannot be shared because of its request. */
  #goAlone(join?: Join): void {
    if (join !== undefined) this.#parts.observer.joined(join);
    const { source } = this.#parts;
    const call = new UpstreamCall(source, this.#request.own, this.#sink, this.#observer);
    this.#trip = call;
    call.start();
  }

  #fail(error: Error): void {
    const isAborted = this.#isAborted;
    this.abort();
    if (!isAborted) this.#sink.error(error);
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
