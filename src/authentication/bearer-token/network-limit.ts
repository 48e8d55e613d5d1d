/** Limits how many tokens of one network may wait at the same time until they are checked. */
export class NetworkLimit {
  readonly #most: number;
  readonly #waiting = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more waiting token of this network; false if the network is at its limit. */
  take(network: string): boolean {
    const waiting = this.#waiting.get(network) ?? 0;
    if (waiting >= this.#most) return false;
    this.#waiting.set(network, waiting + 1);
    return true;
  }

  /** Ends the wait of one token that was counted. */
  giveBack(network: string): void {
    const waiting = (this.#waiting.get(network) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(network, waiting);
    else this.#waiting.delete(network);
  }
}
