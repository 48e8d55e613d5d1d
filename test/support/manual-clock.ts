import type { Clock } from '../../src/lib/clock.js';

/** A clock that moves only when the test advances it, and then runs the due timers in order. */
export class ManualClock implements Clock {
  time: number;
  #scheduled: { at: number; run: () => void }[] = [];

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  schedule(delay: number, run: () => void): () => void {
    const entry = { at: this.time + delay, run };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter(other => other !== entry);
    };
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#scheduled.length;
  }

  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const [next] = this.#scheduled.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#scheduled = this.#scheduled.filter(entry => entry !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }
}
