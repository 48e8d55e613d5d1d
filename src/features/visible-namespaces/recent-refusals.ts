import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';

/** Milliseconds for which it is remembered that the API server refuses a request. */
const lifetime = 10_000;
/** The most refusals. */
const most = 10_000;

/** What the API server has just refused, by keys that are equal for the same request of the same user. */
export class RecentRefusals {
  readonly #clock: Clock;
  readonly #since = new Map<string, Moment>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(key: string): boolean {
    const since = this.#since.get(key);
    if (since !== undefined && since.age >= lifetime) this.#since.delete(key);
    return this.#since.has(key);
  }

  add(key: string): void {
    this.#since.delete(key);
    this.#since.set(key, new Moment(this.#clock));
    const [oldest = ''] = this.#since.keys();
    if (this.#since.size > most) this.#since.delete(oldest);
  }

  clear(): void {
    this.#since.clear();
  }
}
