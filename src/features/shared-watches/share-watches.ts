import { RecentNames } from '../../lib/recent-names.js';
import type { ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import { type Ending, UnsharableError } from './ending.js';
import { VersionAheadError } from './event-ring.js';
import { SharedWatch } from './shared-watch.js';
import type { ClientObserver, TripParts } from './sharing-client.js';
import { SharingTrip } from './sharing-trip.js';
import { ColumnsChangedError } from './table-events.js';
import { senderKey, type WatchRequest, type WatchToShare } from './watch-to-share.js';

/** The most shared watches with the same key. Each of them began at an earlier version than those before it; new clients join the largest. */
const mostOfOneKind = 10;
/** How many of them one user may cause, if users share them. */
const mostOfOneUser = 2;
/** If a watch could not be shared, watches with the same key are not shared for this many milliseconds. */
const unsharableFor = 10 * 60_000;
/** How many such keys are remembered. */
const mostUnsharable = 1_000;

/**
 * Sends one watch for all clients that want the same, as the API server's watch cache has one watch of etcd for all of them. Each client
 * gets the same events as from a watch of its own; only the time at which its response ends may differ.
 */
export class SharedWatches {
  readonly #parts: TripParts;
  /** The open shared watches, by key. A client may need a watch that begins earlier than an existing one with the same key. */
  readonly #watches = new Map<string, SharedWatch[]>();
  /** The keys of watches that cannot be shared, some with a version. */
  readonly #unsharable: RecentNames;
  #isClosed = false;

  constructor(parts: TripParts) {
    this.#parts = parts;
    this.#unsharable = new RecentNames(parts.clock, unsharableFor, mostUnsharable);
  }

  /**
   * Lets a client join a shared watch, or sends its own request. The sink gets the response after this call.
   *
   * @param upgraded The sink for the answer of a shared watch, if the client's own request switches protocols.
   */
  send(
    request: WatchRequest,
    sink: ResponseSink,
    observer: ClientObserver = {},
    upgraded?: ResponseSink,
  ): RoundTrip {
    return new SharingTrip(this, this.#parts, { request, sink, observer, upgraded }).start();
  }

  /** Shares no new watch, and opens none again. */
  close(): void {
    this.#isClosed = true;
  }

  /** Cuts all clients of shared watches. */
  destroy(): void {
    this.#isClosed = true;
    for (const watch of [...this.#watches.values()].flat()) watch.close();
  }

  /**
   * Finds the shared watch for a client of this version: the one with the most clients, or a new one. Returns undefined if there are too
   * many with the same key, or its user has caused too many of them.
   *
   * @param columns Those of the Tables that the client has had, as JSON; undefined if it has had none.
   */
  find(request: WatchToShare, version: string, columns?: Buffer): SharedWatch | undefined {
    if (this.#isClosed) return undefined;
    const watches = this.#watches.get(request.key) ?? [];
    const [largest] = watches
      .filter(watch => watch.serves(version) && watch.mayHaveColumns(columns))
      .sort((one, other) => other.size - one.size);
    return largest ?? this.#open(request, version, watches);
  }

  #open(request: WatchToShare, version: string, others: readonly SharedWatch[]): SharedWatch | undefined {
    if (!mayOpen(request, others)) return undefined;
    const { key } = request;
    const watch: SharedWatch = new SharedWatch(this.#parts, request, version, ending => {
      this.#remember(request, version, ending);
      this.#forget(key, watch);
    });
    this.#watches.set(key, [...others, watch]);
    watch.start();
    return watch;
  }

  /** Whether a watch with this key could not be shared of late. */
  isUnsharable({ key, version = '' }: Pick<WatchToShare, 'key' | 'version'>): boolean {
    return this.#unsharable.has(key) || this.#unsharable.has(`${key} ${version}`);
  }

  #remember({ key }: WatchToShare, version: string, ending: Ending): void {
    // A watch that begins after a change of columns can be shared.
    if (!(ending instanceof UnsharableError) || ending.cause instanceof ColumnsChangedError) return;
    // The client has chosen the version. Watches from other versions can be shared.
    this.#unsharable.add(ending.cause instanceof VersionAheadError ? `${key} ${version}` : key);
  }

  #forget(key: string, watch: SharedWatch): void {
    const others = (this.#watches.get(key) ?? []).filter(other => other !== watch);
    if (others.length === 0) this.#watches.delete(key);
    else this.#watches.set(key, others);
  }
}

function mayOpen({ api, sender }: WatchToShare, watches: readonly SharedWatch[]): boolean {
  if (api === undefined) return watches.length < mostOfOneKind;
  const user = senderKey(sender);
  const own = watches.filter(({ sentAs }) => sentAs === user);
  return watches.length < mostOfOneKind && own.length < mostOfOneUser;
}
