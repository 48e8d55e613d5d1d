/** What has work to do, a part at a time. */
export interface Turn {
  work(): void;
}

/** Milliseconds of work in one turn of the event loop. */
const slice = 10;

/**
 * Lets many work one after the other, and lets other things happen in between: an event for thousands of clients must not keep the event
 * loop from everybody else. Who is called again while it waits works once.
 */
export class Turns {
  readonly #now: () => number;
  readonly #waiting = new Set<Turn>();
  readonly #afterwards: (() => void)[] = [];
  #isScheduled = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  call(turn: Turn): void {
    this.#waiting.add(turn);
  }

  /** Whether the slice was too short for those who wait now. */
  get isBehind(): boolean {
    return this.#isScheduled;
  }

  /** Calls once when nobody waits any more. */
  whenDone(callback: () => void): void {
    this.#afterwards.push(callback);
  }

  /** Works at once for a slice of time. The rest follows in later turns of the event loop. */
  run(): void {
    if (!this.#isScheduled) this.#work();
  }

  readonly #work = (): void => {
    this.#isScheduled = false;
    const end = this.#now() + slice;
    for (const turn of this.#waiting) {
      this.#waiting.delete(turn);
      turn.work();
      if (this.#waiting.size === 0 || this.#now() < end) continue;
      this.#isScheduled = true;
      setImmediate(this.#work);
      return;
    }
    for (const callback of this.#afterwards.splice(0)) callback();
  };
}
