import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { VersionAheadError } from './event-ring.js';
import type { UnsharableError } from './lasting-watch.js';
import { ColumnsChangedError } from './table-events.js';
import type { WatchToShare } from './watch-to-share.js';

/** If a watch could not be shared, watches with the same key are not shared for this many milliseconds. */
const lifetime = 10 * 60_000;
/** How many keys there may be. When there are more, those that were added first make room. */
const most = 1_000;

/** What says which watches a watch can share with. */
type Keys = Pick<WatchToShare, 'key' | 'version'>;

/** The keys of watches that cannot be shared, some with a version. */
export class UnsharableKeys {
  readonly #clock: Clock;
  readonly #since = new Map<string, Moment>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(request: Keys): boolean {
    return this.#has(request.key) || this.#has(keyWithVersion(request));
  }

  add(request: Keys, { cause }: UnsharableError): void {
    // A watch that begins after the change can be shared.
    if (cause instanceof ColumnsChangedError) return;
    // The client has chosen the version. Watches from other versions can be shared.
    const key = cause instanceof VersionAheadError ? keyWithVersion(request) : request.key;
    this.#since.delete(key);
    this.#since.set(key, new Moment(this.#clock));
    const [oldest = ''] = this.#since.keys();
    if (this.#since.size > most) this.#since.delete(oldest);
  }

  #has(key: string): boolean {
    const since = this.#since.get(key);
    if (since !== undefined && since.age >= lifetime) this.#since.delete(key);
    return this.#since.has(key);
  }
}

function keyWithVersion({ key, version }: Keys): string {
  return `${key} ${version}`;
}
