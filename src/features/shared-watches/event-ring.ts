import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import { JoinedBytes } from './shared-bytes.js';
import { compareVersions, type WatchEvent } from './watch-event.js';

/** After each such number of bytes for one client, the watch checks whether the client accepts more. */
export const portion = 64 * 1024;
/** The most events of one ring, and the most bytes of their bodies. */
const mostEvents = 2_000;
const mostBytes = 16 * 1024 * 1024;
/** The bytes of memory that an event takes besides its own bytes. */
const overhead = 300;

/**
 * The first event is not newer than the version from which the watch began. A client chose that version, so other watches of the same kind
 * can be shared.
 */
export class VersionAheadError extends Error {}

/** An event in a ring. The events of all rings form one list, ordered by age. */
class RingEntry {
  readonly event: WatchEvent;
  readonly ring: EventRing;
  /** In bytes. */
  readonly size: number;
  older: RingEntry | undefined;
  newer: RingEntry | undefined;

  constructor(event: WatchEvent, ring: EventRing) {
    this.event = event;
    this.ring = ring;
    this.size = event.bytes.length + overhead;
  }
}

/** Events of a ring in one piece, from position `from` up to but not including `to`. */
interface JoinedEvents {
  readonly ring: EventRing;
  readonly from: number;
  readonly to: number;
  readonly bytes: BorrowedBytes;
}

/** The memory that the events of all rings of a process may take together. When it is full, the oldest ones are dropped first. */
export class RingBudget {
  readonly #most: number;
  /** In bytes. */
  used = 0;
  #oldest: RingEntry | undefined;
  #newest: RingEntry | undefined;
  #joined: JoinedEvents | undefined;

  /** @param most The limit in bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  add(entry: RingEntry): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.used += entry.size;
    // The newest stays, however large it is, because its clients will get it next.
    while (this.used > this.#most && this.#oldest !== entry) this.#oldest?.ring.forgetOldest();
  }

  remove(entry: RingEntry): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
    this.used -= entry.size;
  }

  /** Joins events for `EventRing.batch`. Only the last joined piece is kept, for all rings together, so that it needs no budget. */
  join(ring: EventRing, from: number, to: number): BorrowedBytes {
    const joined = this.#joined;
    if (joined?.ring === ring && joined.from === from && joined.to === to) return joined.bytes;
    const parts = Array.from({ length: to - from }, (_, index) => ring.at(from + index).bytes);
    const bytes = new JoinedBytes(parts);
    this.#joined = { ring, from, to, bytes };
    return bytes;
  }
}

/**
 * The last events of one watch, ordered by version, as in the API server's watch cache (apiserver `storage/cacher`, `watchCache`). Each
 * event has a position, which counts from the beginning of the watch.
 */
export class EventRing {
  readonly #budget: RingBudget;
  #entries: RingEntry[] = [];
  /** The index of the oldest entry in `#entries`. */
  #head = 0;
  /** The position of the oldest event in the ring. */
  first = 0;
  #bytes = 0;
  /** The ring holds every event that is newer than this version. */
  floor: string;
  /** The version of the watch: the version of its last event or bookmark. */
  current: string;
  /** Whether the current version is complete: no further event can have it. */
  #isComplete = true;
  /** The position of the first event that has come since the clients were last called. */
  latest = 0;

  /** @param version The events that will come are newer than this version. */
  constructor(version: string, budget: RingBudget) {
    this.floor = version;
    this.current = version;
    this.#budget = budget;
  }

  /** The position of the next event that will come. */
  get end(): number {
    return this.first + this.#entries.length - this.#head;
  }

  /** The event at a position. The position must be at least `first`, and less than `end`. */
  at(position: number): WatchEvent {
    return (this.#entries[this.#head + position - this.first] as RingEntry).event;
  }

  /**
   * The events from position `from` up to but not including `to`, in one piece. If clients ask for the same events one after another, they
   * get the same piece.
   */
  batch(from: number, to: number): BorrowedBytes {
    return to - from === 1 ? this.at(from).bytes : this.#budget.join(this, from, to);
  }

  /**
   * Appends an event. Throws an Error if it is older than an event before it, because then the ring could not tell which clients have had
   * it. Several events may have the same version: the API server's Events expire by leases of etcd, which deletes all keys of a lease in
   * one revision (etcd `lease/lessor.go`, `Revoke`).
   */
  append(event: WatchEvent): void {
    if (event.type !== 'ERROR') {
      const order = compareVersions(event.version, this.current);
      const isBookmark = event.type === 'BOOKMARK';
      if (order < 0 || (order === 0 && this.#isComplete && !isBookmark)) {
        const message = `an event of version ${event.version} came after version ${this.current}`;
        throw this.end === 0 ? new VersionAheadError(message) : new Error(message);
      }
      this.current = event.version;
      this.#isComplete = isBookmark;
    }
    const entry = new RingEntry(event, this);
    this.#entries.push(entry);
    this.#bytes += entry.size;
    this.#budget.add(entry);
    while (this.end - this.first > 1 && (this.end - this.first > mostEvents || this.#bytes > mostBytes)) {
      this.forgetOldest();
    }
  }

  /** Whether all events that will come are newer than this version. */
  isPast(version: string): boolean {
    const order = compareVersions(version, this.current);
    return order < 0 || (order === 0 && this.#isComplete);
  }

  /** The position of the first event that is newer than a version; undefined if the ring does not hold all newer events. */
  positionAfter(version: string): number | undefined {
    if (compareVersions(version, this.floor) < 0) return undefined;
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { type, version: found } = this.at(middle);
      if (type !== 'ERROR' && compareVersions(found, version) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  forgetOldest(): void {
    const entry = this.#entries[this.#head] as RingEntry;
    this.#entries[this.#head] = undefined as never;
    this.#head += 1;
    this.first += 1;
    this.#bytes -= entry.size;
    if (entry.event.type !== 'ERROR') this.floor = entry.event.version;
    this.#budget.remove(entry);
    if (this.#head < 64 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Drops all events and frees their memory. */
  clear(): void {
    while (this.first < this.end) this.forgetOldest();
  }
}
