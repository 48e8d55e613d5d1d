import type { BorrowedBytes } from '../borrowed-bytes.js';
import { compareVersions } from './resource-version.js';
import { JoinedBytes, SharedBytes } from './shared-bytes.js';
import type { WatchEvent } from './watch-event.js';

/** Most events of one ring, and most bytes of their bodies. */
const mostEvents = 2_000;
const mostBytes = 16 * 1024 * 1024;
/** Bytes that an event costs besides its own. */
const overhead = 300;

/** An event in a ring. The entries of all rings also form one list, by age. */
export class RingEntry {
  older: RingEntry | undefined;
  newer: RingEntry | undefined;
  readonly ring: EventRing;
  readonly type: WatchEvent['type'];
  /** Empty for an ERROR. */
  readonly version: string;
  readonly size: number;
  /** What a client gets that has had an event before. */
  readonly bytes: SharedBytes;
  /** Kept only where a client's first event has a form of its own. */
  readonly #event: WatchEvent | undefined;
  #first: BorrowedBytes | undefined;

  constructor(event: WatchEvent, ring: EventRing) {
    this.ring = ring;
    this.type = event.type;
    this.version = event.version;
    // A Table has its event and its first form besides.
    this.size = (event.hasOwnFirst ? 3 : 1) * event.bytes.length + overhead;
    this.bytes = new SharedBytes(event.bytes);
    this.#event = event.hasOwnFirst ? event : undefined;
  }

  /** What a client gets that has had none. */
  get first(): BorrowedBytes {
    if (this.#event === undefined) return this.bytes;
    this.#first ??= new SharedBytes(this.#event.first);
    return this.#first;
  }
}

/** Events of a ring, from one position to before another, in one piece. */
interface JoinedEvents {
  readonly ring: EventRing;
  readonly from: number;
  readonly to: number;
  readonly bytes: BorrowedBytes;
}

/** The memory that all rings of a process may take together. When it is full, the oldest events go first, whichever ring they are in. */
export class RingBudget {
  readonly #most: number;
  #used = 0;
  #oldest: RingEntry | undefined;
  #newest: RingEntry | undefined;
  #joined: JoinedEvents | undefined;

  /** @param most Bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes of the events that are remembered. */
  get used(): number {
    return this.#used;
  }

  add(entry: RingEntry): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#used += entry.size;
    // The newest event stays, however large: its clients are about to get it.
    while (this.#used > this.#most && this.#oldest !== entry) (this.#oldest as RingEntry).ring.forgetOldest();
  }

  /** What `EventRing.batch` gives. All rings share one piece, so that it needs no budget. */
  join(ring: EventRing, from: number, to: number): BorrowedBytes {
    const joined = this.#joined;
    if (joined?.ring === ring && joined.from === from && joined.to === to) return joined.bytes;
    const parts = Array.from({ length: to - from }, (_, index) => ring.at(from + index).bytes);
    const bytes = new JoinedBytes(parts);
    this.#joined = { ring, from, to, bytes };
    return bytes;
  }

  remove(entry: RingEntry): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
    this.#used -= entry.size;
  }
}

/**
 * The last events of one watch, in the order of their versions, as in the API server's watch cache (apiserver `storage/cacher`, `watchCache`).
 * An event has a position, which counts from the beginning of the watch.
 */
export class EventRing {
  readonly #budget: RingBudget;
  #entries: RingEntry[] = [];
  /** Index of the oldest entry in `#entries`. */
  #head = 0;
  #first = 0;
  #bytes = 0;
  #floor: string;
  #current: string;
  /** Whether no further event has the current version. */
  #isComplete = true;
  /** Position of the first event that came since clients were last called. */
  latest = 0;

  /** @param version The events that follow are newer than this. */
  constructor(version: string, budget: RingBudget) {
    this.#floor = version;
    this.#current = version;
    this.#budget = budget;
  }

  /** Every event that is newer than this is here. */
  get floor(): string {
    return this.#floor;
  }

  /** The version of the watch: that of its last event or bookmark. */
  get current(): string {
    return this.#current;
  }

  /** Position of the oldest event that is here. */
  get first(): number {
    return this.#first;
  }

  /** Position of the next event that comes. */
  get end(): number {
    return this.#first + this.#entries.length - this.#head;
  }

  /** The event at a position from `first` to before `end`. */
  at(position: number): RingEntry {
    return this.#entries[this.#head + position - this.#first] as RingEntry;
  }

  /** The events from a position to before another, in one piece. Those who ask for the same one after the other get the same piece. */
  batch(from: number, to: number): BorrowedBytes {
    return to - from === 1 ? this.at(from).bytes : this.#budget.join(this, from, to);
  }

  /**
   * Throws an Error for an event that is older than one before it: nobody could say who has had it. Events may have one version: the API
   * server's Events expire by leases of etcd, which deletes all keys of a lease in one revision (etcd `lease/lessor.go`, `Revoke`).
   */
  append(event: WatchEvent): void {
    if (event.type !== 'ERROR') {
      const order = compareVersions(event.version, this.#current);
      const isBookmark = event.type === 'BOOKMARK';
      if (order < 0 || (order === 0 && this.#isComplete && !isBookmark)) {
        throw new Error(`an event has version ${event.version} after ${this.#current}`);
      }
      this.#current = event.version;
      this.#isComplete = isBookmark;
    }
    const entry = new RingEntry(event, this);
    this.#entries.push(entry);
    this.#bytes += entry.size;
    this.#budget.add(entry);
    while (this.end - this.#first > 1 && (this.end - this.#first > mostEvents || this.#bytes > mostBytes)) {
      this.forgetOldest();
    }
  }

  /** What comes now is newer than the current version: a watch was opened again from there. */
  completeVersion(): void {
    this.#isComplete = true;
  }

  /** Whether every event that comes is newer than this version. */
  isPast(version: string): boolean {
    const order = compareVersions(version, this.#current);
    return order < 0 || (order === 0 && this.#isComplete);
  }

  /** How many events of one version stand right before a position; undefined if that is not known any more. */
  countBefore(position: number, version: string): number | undefined {
    let start = position;
    while (start > this.#first && this.#hasVersion(start - 1, version)) start -= 1;
    const isWhole = start > this.#first || compareVersions(version, this.#floor) > 0;
    return isWhole ? position - start : undefined;
  }

  /** Position of the event after so many events of one version; undefined if they are not all here. */
  positionBehind(version: string, count: number): number | undefined {
    const end = this.positionAfter(version);
    if (end === undefined || version === this.#floor) return undefined;
    let start = end;
    while (start > this.#first && this.#hasVersion(start - 1, version)) start -= 1;
    return start + count <= end ? start + count : undefined;
  }

  #hasVersion(position: number, version: string): boolean {
    return this.at(position).version === version;
  }

  /** Position of the first event that is newer than a version; undefined if some of those are gone, or were never here. */
  positionAfter(version: string): number | undefined {
    if (compareVersions(version, this.#floor) < 0) return undefined;
    let low = this.#first;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.at(middle);
      if (entry.type !== 'ERROR' && compareVersions(entry.version, version) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  forgetOldest(): void {
    const entry = this.#entries[this.#head] as RingEntry;
    this.#entries[this.#head] = undefined as never;
    this.#head += 1;
    this.#first += 1;
    this.#bytes -= entry.size;
    if (entry.type !== 'ERROR') this.#floor = entry.version;
    this.#budget.remove(entry);
    if (this.#head < 64 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Gives its memory back. */
  clear(): void {
    while (this.#first < this.end) this.forgetOldest();
  }
}
