/**
 * Limits how many tokens of one client address wait to be judged at one time. There is no limit for all addresses together: with
 * one, callers with made-up tokens would lock out callers with good ones.
 */
export class SourceLimit {
  readonly #most: number;
  readonly #waiting = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more waiting token of this address; false if the address is at its limit. */
  take(source: string): boolean {
    const waiting = this.#waiting.get(source) ?? 0;
    if (waiting >= this.#most) return false;
    this.#waiting.set(source, waiting + 1);
    return true;
  }

  /** Ends the wait of one token that was counted. */
  giveBack(source: string): void {
    const waiting = (this.#waiting.get(source) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(source, waiting);
    else this.#waiting.delete(source);
  }
}
