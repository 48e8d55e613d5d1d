/**
 * Limits how many tokens of one client address wait at one time for who judges them. There is no limit for all addresses together: with
 * one, those who send made-up tokens would turn away those who send good ones.
 */
export class SourceLimit {
  readonly #most: number;
  readonly #waiting = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more of this address; false when it has as many as it may have. */
  take(source: string): boolean {
    const waiting = this.#waiting.get(source) ?? 0;
    if (waiting >= this.#most) return false;
    this.#waiting.set(source, waiting + 1);
    return true;
  }

  /** One that was taken waits no longer. */
  giveBack(source: string): void {
    const waiting = (this.#waiting.get(source) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(source, waiting);
    else this.#waiting.delete(source);
  }
}
