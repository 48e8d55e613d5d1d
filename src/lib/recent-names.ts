import type { Clock } from './clock.js';
import { Moment } from './moment.js';

/** Names that have come of late. Each is remembered until a time has passed since it came last. */
export class RecentNames {
  readonly #clock: Clock;
  readonly #lifetime: number;
  readonly #most: number;
  readonly #names = new Map<string, Moment>();

  /**
   * @param lifetime Milliseconds.
   * @param most How many are remembered, where others choose the names.
   */
  constructor(clock: Clock, lifetime: number, most = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#lifetime = lifetime;
    this.#most = most;
  }

  /** Returns whether it is new and is remembered from now on. While there is no room, a new name is not remembered. */
  add(name: string): boolean {
    this.#forget();
    const isNew = !this.#names.has(name);
    if (isNew && this.#names.size >= this.#most) return false;
    this.#names.set(name, new Moment(this.#clock));
    return isNew;
  }

  has(name: string): boolean {
    const at = this.#names.get(name);
    return at !== undefined && at.age < this.#lifetime;
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  /** In the order in which they came first. */
  list(): readonly string[] {
    this.#forget();
    return [...this.#names.keys()];
  }

  #forget(): void {
    for (const [name, at] of this.#names) if (at.age >= this.#lifetime) this.#names.delete(name);
  }
}
