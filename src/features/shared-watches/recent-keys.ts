import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';

/** How long a key counts, in milliseconds, and how many keys there may be. */
interface Limits {
  readonly lifetime: number;
  readonly most: number;
}

/** Keys that count for some time after they were added. When there are too many, those that were added first make room. */
export class RecentKeys {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #since = new Map<string, Moment>();

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  has(key: string): boolean {
    const since = this.#since.get(key);
    if (since !== undefined && since.age >= this.#limits.lifetime) this.#since.delete(key);
    return this.#since.has(key);
  }

  add(key: string): void {
    this.#since.delete(key);
    this.#since.set(key, new Moment(this.#clock));
    const [oldest = ''] = this.#since.keys();
    if (this.#since.size > this.#limits.most) this.#since.delete(oldest);
  }

  clear(): void {
    this.#since.clear();
  }
}
