/** The time in milliseconds. A test can replace it. */
export interface Clock {
  /** Milliseconds since 1970, on the wall clock. Somebody may set it back. */
  now(): number;
  /** Milliseconds since any moment, on a clock that never goes back. It stands still while the machine sleeps. */
  monotonic(): number;
  /** Runs a function once, after a delay in milliseconds. Returns a function that cancels this. Does not keep the process alive. */
  schedule(delay: number, run: () => void): () => void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delay, run) => {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
};
