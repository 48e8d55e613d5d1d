/** The time in milliseconds; a test can replace it. */
export interface Clock {
  /** Since 1970. */
  now(): number;
  /** Runs a function once, after a delay, and returns a function that cancels this. Does not keep the process alive. */
  schedule(delay: number, run: () => void): () => void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delay, run) => {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
};
