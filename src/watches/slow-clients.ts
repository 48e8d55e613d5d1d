import type { Clock } from '../lib/clock.js';
import { portion } from './event-ring.js';
import type { Watcher } from './watcher.js';

/** A client is too slow if it takes less than `portion` bytes in this number of milliseconds, in which bytes wait for it. */
const patience = 10_000;

/** How long a client has let its bytes wait, in milliseconds, and how many of them it has taken meanwhile. */
interface Progress {
  readonly waited: number;
  readonly taken: number;
}

const none: Progress = { waited: 0, taken: 0 };

/** A client for which bytes wait, since when, and how many. */
interface Waiting {
  readonly since: number;
  readonly bytes: number;
  readonly cancel: () => void;
}

/** The clients that others wait for, because they have not taken their bytes. Time counts only while bytes wait for a client. */
export class SlowClients {
  readonly #clock: Clock;
  readonly #onTooSlow: (client: Watcher) => void;
  readonly #waiting = new Map<Watcher, Waiting>();
  readonly #progress = new Map<Watcher, Progress>();

  constructor(clock: Clock, onTooSlow: (client: Watcher) => void) {
    this.#clock = clock;
    this.#onTooSlow = onTooSlow;
  }

  /** How many clients have not taken their bytes. */
  get size(): number {
    return this.#waiting.size;
  }

  /** A client has been sent bytes, and has not taken all of them. */
  add(client: Watcher): void {
    if (this.#waiting.has(client)) return;
    const { waited, taken } = this.#progress.get(client) ?? none;
    const bytes = client.waiting;
    // A socket says only of all its bytes together that they are taken. So more bytes have more time.
    const limit = patience * Math.max(1, (taken + bytes) / portion);
    const cancel = this.#clock.schedule(limit - waited, () => this.#onTooSlow(client));
    this.#waiting.set(client, { since: this.#clock.monotonic(), bytes, cancel });
  }

  /** A client has taken its bytes. Returns whether others have waited for it. */
  accepts(client: Watcher): boolean {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) return false;
    const { waited, taken } = this.#progress.get(client) ?? none;
    this.delete(client);
    const progress = {
      waited: waited + this.#clock.monotonic() - waiting.since,
      taken: taken + waiting.bytes,
    };
    if (progress.taken < portion) this.#progress.set(client, progress);
    return true;
  }

  /** A client has gone. Returns whether others have waited for it. */
  delete(client: Watcher): boolean {
    this.#waiting.get(client)?.cancel();
    this.#progress.delete(client);
    return this.#waiting.delete(client);
  }

  /** Nobody waits for a client any more. */
  clear(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
