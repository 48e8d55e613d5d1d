import type { Clock } from '../../lib/clock.js';
import { VersionAheadError } from './event-ring.js';
import type { UnsharableError } from './lasting-watch.js';
import { RecentKeys } from './recent-keys.js';
import { ColumnsChangedError } from './table-events.js';
import type { WatchToShare } from './watch-to-share.js';

/** If a watch could not be shared, watches with the same key are not shared for ten minutes. */
const limits = { lifetime: 10 * 60_000, most: 1_000 };

/** What says which watches a watch can share with. */
type Keys = Pick<WatchToShare, 'key' | 'version'>;

/** The keys of watches that cannot be shared, some with a version. */
export class UnsharableKeys {
  readonly #keys: RecentKeys;

  constructor(clock: Clock) {
    this.#keys = new RecentKeys(clock, limits);
  }

  has(request: Keys): boolean {
    return this.#keys.has(request.key) || this.#keys.has(keyWithVersion(request));
  }

  add(request: Keys, { cause }: UnsharableError): void {
    // A watch that begins after the change can be shared.
    if (cause instanceof ColumnsChangedError) return;
    // The client has chosen the version. Watches from other versions can be shared.
    this.#keys.add(cause instanceof VersionAheadError ? keyWithVersion(request) : request.key);
  }
}

function keyWithVersion({ key, version }: Keys): string {
  return `${key} ${version}`;
}
