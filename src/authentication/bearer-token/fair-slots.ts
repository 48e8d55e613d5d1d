/** The slots that one network has taken, and its requests that wait for one. */
interface Share {
  taken: number;
  readonly waiting: (() => void)[];
}

/**
 * A limited number of slots, which networks take in turn. A network may have at most as many slots as are free. So one network alone gets
 * half of them, and the next one half of the rest (dynamic thresholds, as in switches that share their buffers). A network without a slot
 * never waits behind one that has some.
 */
export class FairSlots {
  readonly #most: number;
  #taken = 0;
  /** By network. The first one has waited longest for its turn. */
  readonly #shares = new Map<string, Share>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a slot. Returns undefined if one is free, otherwise a promise that resolves when the slot is taken. */
  take(network: string): Promise<void> | undefined {
    let share = this.#shares.get(network);
    if (share === undefined) {
      share = { taken: 0, waiting: [] };
      this.#shares.set(network, share);
    }
    const { waiting } = share;
    if (waiting.length > 0 || !this.#mayTake(share)) return new Promise(resolve => waiting.push(resolve));
    this.#count(share);
    return undefined;
  }

  giveBack(network: string): void {
    const share = this.#shares.get(network);
    if (share === undefined) return;
    share.taken -= 1;
    this.#taken -= 1;
    if (share.taken === 0 && share.waiting.length === 0) this.#shares.delete(network);
    this.#startWaiting();
  }

  #startWaiting(): void {
    // A network that gets a slot moves to the end of the map, where this loop reaches it again.
    for (const [network, share] of this.#shares) {
      if (this.#taken === this.#most) return;
      if (!this.#mayTake(share)) continue;
      const start = share.waiting.shift();
      if (start === undefined) continue;
      this.#count(share);
      this.#shares.delete(network);
      this.#shares.set(network, share);
      start();
    }
  }

  #mayTake({ taken }: Share): boolean {
    return taken < this.#most - this.#taken;
  }

  #count(share: Share): void {
    share.taken += 1;
    this.#taken += 1;
  }
}
