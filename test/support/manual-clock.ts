import type { Clock } from '../../src/lib/clock.js';

/** The clocks of a machine, which move only when the test moves them. Due timers run in order. */
export class ManualClock implements Clock {
  #time: number;
  #monotonic = 0;
  #scheduled: { at: number; run: () => void }[] = [];

  /** @param time Milliseconds since 1970. */
  constructor(time: number) {
    this.#time = time;
  }

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  schedule(delay: number, run: () => void): () => void {
    const entry = { at: this.#monotonic + delay, run };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter(other => other !== entry);
    };
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#scheduled.length;
  }

  /** Time passes. */
  advance(milliseconds: number): void {
    const end = this.#monotonic + milliseconds;
    for (;;) {
      const [next] = this.#scheduled.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#scheduled = this.#scheduled.filter(entry => entry !== next);
      this.#moveTo(Math.max(this.#monotonic, next.at));
      next.run();
    }
    this.#moveTo(end);
  }

  #moveTo(monotonic: number): void {
    this.#time += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  /** Somebody sets the wall clock back. */
  setBack(milliseconds: number): void {
    this.#time -= milliseconds;
  }

  /** The machine sleeps: the monotonic clock and all timers stand still. */
  sleep(milliseconds: number): void {
    this.#time += milliseconds;
  }
}

/** How time can pass that only one of the two clocks shows. */
export const unevenTimes: readonly (readonly [
  when: string,
  pass: (clock: ManualClock, milliseconds: number) => void,
])[] = [
  [
    'after the clock was set back by a day',
    (clock, milliseconds) => {
      clock.setBack(86_400_000);
      clock.advance(milliseconds);
    },
  ],
  ['while the machine sleeps', (clock, milliseconds) => clock.sleep(milliseconds)],
];
