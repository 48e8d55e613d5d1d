/**
 * A number of slots that parties share, such as networks, clusters or users. A party may have at most as many slots as are free, unless
 * `mostOf` says otherwise. So one party alone gets half of them, and the next one half of the rest (dynamic thresholds, as in switches that
 * share their buffers). A party without a slot never waits behind one that has some.
 */
export class FairSlots<Party> {
  readonly number: number;
  readonly #mostOf: (party: Party, free: number) => number;
  taken = 0;
  readonly #takenBy = new Map<Party, number>();
  /** The first party has waited longest for its turn. */
  readonly #waiting = new Map<Party, (() => void)[]>();

  /**
   * @param number How many slots there are; may be Infinity.
   * @param mostOf How many slots a party may have while this number is free.
   */
  constructor(number: number, mostOf: (party: Party, free: number) => number = (_party, free) => free) {
    this.number = number;
    this.#mostOf = mostOf;
  }

  get free(): number {
    return this.number - this.taken;
  }

  /** The parties that have a slot. */
  get parties(): Iterable<Party> {
    return this.#takenBy.keys();
  }

  /** Takes a slot; false if the party can have none now. */
  takeNow(party: Party): boolean {
    const { free } = this;
    const taken = this.#takenBy.get(party) ?? 0;
    if (free < 1 || taken >= this.#mostOf(party, free)) return false;
    this.taken += 1;
    this.#takenBy.set(party, taken + 1);
    return true;
  }

  /** Takes a slot. Returns undefined if the party can have one now, otherwise a promise that resolves when it has one. */
  take(party: Party): Promise<void> | undefined {
    const waiting = this.#waiting.get(party);
    if (waiting !== undefined) return new Promise(resolve => waiting.push(resolve));
    if (this.takeNow(party)) return undefined;
    return new Promise(resolve => this.#waiting.set(party, [resolve]));
  }

  /** Call this once for each slot that was taken. */
  giveBack(party: Party): void {
    const taken = (this.#takenBy.get(party) ?? 0) - 1;
    if (taken > 0) this.#takenBy.set(party, taken);
    else this.#takenBy.delete(party);
    this.taken -= 1;
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (const [party, waiting] of this.#waiting) {
      if (this.free < 1) return;
      if (!this.takeNow(party)) continue;
      const start = waiting.shift() as () => void;
      this.#waiting.delete(party);
      // At the end of the map, this loop reaches it again.
      if (waiting.length > 0) this.#waiting.set(party, waiting);
      start();
    }
  }
}
