/** Time, as a test may want it; milliseconds. */
export interface Clock {
  /** Since 1970. */
  now(): number;
  /** Runs a function once and gives what cancels it; does not keep the process alive. */
  schedule(delay: number, run: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delay, run) => {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
};
