/** A task that does a part of its work on each call. */
export interface Turn {
  work(): void;
}

/** Milliseconds of work in one turn of the event loop. */
const slice = 10;

/**
 * Runs many tasks one after another, with pauses for other events: an event for thousands of clients must not block the event loop. A task
 * that is called again while it waits runs once.
 */
export class Turns {
  readonly #now: () => number;
  readonly #waiting = new Set<Turn>();
  readonly #afterwards: (() => void)[] = [];
  /** Whether tasks are still waiting because the last slice was too short. */
  isBehind = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  call(turn: Turn): void {
    this.#waiting.add(turn);
  }

  /** Calls back once, when no task is waiting any more. */
  whenDone(callback: () => void): void {
    this.#afterwards.push(callback);
  }

  /** Runs tasks now, for one slice of time. The rest follows in later turns of the event loop. */
  run(): void {
    if (!this.isBehind) this.#work();
  }

  readonly #work = (): void => {
    this.isBehind = false;
    const end = this.#now() + slice;
    for (const turn of this.#waiting) {
      this.#waiting.delete(turn);
      turn.work();
      if (this.#waiting.size === 0 || this.#now() < end) continue;
      this.isBehind = true;
      setImmediate(this.#work);
      return;
    }
    for (const callback of this.#afterwards.splice(0)) callback();
  };
}
