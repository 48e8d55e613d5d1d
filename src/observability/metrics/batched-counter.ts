import type { Counter } from 'prom-client';

/** What is added to a counter between two scrapes: prom-client's counters cost ten times as much a request as a number does. */
export class Tally {
  readonly #counter: Counter.Internal;
  #sum = 0;

  constructor(counter: Counter.Internal) {
    this.#counter = counter;
  }

  add(value: number): void {
    this.#sum += value;
  }

  /** Hands on what there is; to be called when the counter is collected. */
  hand(): void {
    this.#counter.inc(this.#sum);
    this.#sum = 0;
  }
}
