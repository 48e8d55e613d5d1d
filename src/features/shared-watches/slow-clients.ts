import type { Clock } from '../../lib/clock.js';
import { portion } from './event-ring.js';
import type { Watcher } from './watcher.js';

/** A client is too slow if it takes less than `portion` bytes in this number of milliseconds, in which bytes wait for it. */
const patience = 10_000;
/**
 * The longest additional time in milliseconds for what the system has taken for a client. It says that there is room only when a third of
 * its buffer is free, which may be 1.4 MB: a client with 1 Mbit/s reads that in 11 s.
 */
const mostUnseen = 20_000;

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

/** The clients that have not taken their bytes. Time counts only while bytes wait for a client. */
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

  /**
   * A client has been sent bytes, and has not taken all of them.
   *
   * @param sent How many bytes it was sent since it last had to wait.
   */
  add(client: Watcher, sent: number): void {
    if (this.#waiting.has(client)) return;
    const { waited, taken } = this.#progress.get(client) ?? none;
    const bytes = client.waiting;
    // A socket says only of all its bytes together that they are taken. So more bytes have more time.
    const limit = patience * Math.max(1, (taken + bytes) / portion) + unseenTime(sent - bytes);
    const cancel = this.#clock.schedule(limit - waited, () => this.#onTooSlow(client));
    this.#waiting.set(client, { since: this.#clock.monotonic(), bytes, cancel });
  }

  /** A client has taken its bytes. */
  accepts(client: Watcher): void {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) return;
    const { waited, taken } = this.#progress.get(client) ?? none;
    this.delete(client);
    const progress = {
      waited: waited + this.#clock.monotonic() - waiting.since,
      taken: taken + waiting.bytes,
    };
    if (progress.taken < portion) this.#progress.set(client, progress);
  }

  /** A client has gone. */
  delete(client: Watcher): void {
    this.#waiting.get(client)?.cancel();
    this.#progress.delete(client);
    this.#waiting.delete(client);
  }
}

function unseenTime(bytes: number): number {
  return Math.min((patience * Math.max(bytes, 0)) / portion, mostUnseen);
}
