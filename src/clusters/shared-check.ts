import { type Clock, systemClock } from '../lib/clock.js';
import { Moment } from '../lib/moment.js';

/** How long the result of a check is reused, in milliseconds. */
export interface ResultLifetime {
  readonly passed: number;
  /** Shorter than `passed`, so that a recovery is noticed soon. */
  readonly failed: number;
}

/**
 * Returns a check whose callers share its result, so that the probes of several kubelets and load balancers do not each ask the API server.
 */
export function shareCheck(
  check: () => Promise<void>,
  { passed, failed }: ResultLifetime,
  clock: Clock = systemClock,
): () => Promise<void> {
  let result: Promise<void> | undefined;
  let since = new Moment(clock);
  let lifetime = 0;
  return () => {
    if (result === undefined || since.age >= lifetime) {
      since = new Moment(clock);
      lifetime = passed;
      result = check();
      result.catch(() => {
        since = new Moment(clock);
        lifetime = failed;
      });
    }
    return result;
  };
}
