/** Something that takes memory of a budget. All that does forms one list, ordered by age. */
export abstract class Held {
  older: Held | undefined;
  newer: Held | undefined;
  /** In bytes. */
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  /** Its owner must drop it, and remove it from the budget. */
  abstract drop(): void;
}

/** The memory that the events of all watches of a process may take together. When it is full, the oldest ones are dropped first. */
export class MemoryBudget {
  readonly #most: number;
  /** In bytes. */
  used = 0;
  #oldest: Held | undefined;
  #newest: Held | undefined;

  /** @param most The limit in bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  add(held: Held): void {
    held.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = held;
    else this.#newest.newer = held;
    this.#newest = held;
    this.used += held.size;
    // The newest stays, however large it is, because its clients will get it next.
    while (this.used > this.#most && this.#oldest !== held) this.#oldest?.drop();
  }

  remove(held: Held): void {
    const { older, newer } = held;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    held.older = undefined;
    held.newer = undefined;
    this.used -= held.size;
  }
}
