import { type Clock, systemClock } from '../../src/lib/clock.js';

/**
 * The machine's clock, on which 30 s never pass: on a busy machine an API server takes longer to start than the program tries to resume a
 * shared watch.
 */
export const patientClock: Clock = {
  ...systemClock,
  schedule: (delay, run) => (delay < 30_000 ? systemClock.schedule(delay, run) : () => {}),
};
