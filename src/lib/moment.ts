import type { Clock } from './clock.js';

/** The longest timer in milliseconds: timers stop while the machine sleeps. */
const longestTimer = 60_000;

/**
 * A moment that has passed, on both clocks of the machine. Somebody may set the wall clock back, and the monotonic clock stands still while
 * the machine sleeps. So the clock that has gone further counts: what is valid for some time is never valid for longer.
 */
export class Moment {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly #clock: Clock;
  readonly #monotonic: number;

  /** The present moment. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.time = clock.now();
    this.#monotonic = clock.monotonic();
  }

  /** Milliseconds since this moment. */
  get age(): number {
    return Math.max(this.#clock.now() - this.time, this.#clock.monotonic() - this.#monotonic);
  }

  /** Milliseconds from this moment to another one of the same clock: for many ages, the clock is read once. */
  ageAt(now: Moment): number {
    return Math.max(now.time - this.time, now.#monotonic - this.#monotonic);
  }

  /**
   * Runs a function once at an age in milliseconds. Returns a function that cancels this. After a sleep of the machine, or if the wall clock
   * was set forward, it can be a minute late.
   */
  schedule(age: number, run: () => void): () => void {
    let cancel = () => {};
    const wait = (left: number) => {
      // A timer takes whole milliseconds.
      cancel = this.#clock.schedule(Math.min(Math.ceil(left), longestTimer), () => {
        const rest = age - this.age;
        if (rest > 0) wait(rest);
        else run();
      });
    };
    wait(Math.max(age - this.age, 0));
    return () => cancel();
  }
}
