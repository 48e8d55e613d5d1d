import type { Clock } from '../lib/clock.js';
import { Moment } from '../lib/moment.js';

/** Limits how often a credential that the API server refuses is renewed. */
interface RefusalLimit {
  /** Whether the credential may be renewed after a refusal now. True counts as a renewal. */
  mayRenew(): boolean;
  /** Reports that the renewal returned the refused credential again. */
  returnedTheSame(): void;
}

/** Milliseconds between two renewals. */
const leastInterval = 10_000;
const mostInterval = 5 * 60_000;

/**
 * After the first refusal the credential is renewed at once, later at most every 10 s. The interval doubles, up to 5 min, if the API server
 * refuses the new credential within the interval. A credential that was accepted for longer resets the interval to 10 s.
 */
export function createRefusalLimit(clock: Clock): RefusalLimit {
  let renewed: Moment | undefined;
  let interval = leastInterval;
  let isRefusedAgain = false;
  return {
    mayRenew() {
      if (renewed !== undefined && renewed.age < interval) {
        isRefusedAgain = true;
        return false;
      }
      interval = isRefusedAgain ? Math.min(interval * 2, mostInterval) : leastInterval;
      renewed = new Moment(clock);
      isRefusedAgain = false;
      return true;
    },
    returnedTheSame() {
      isRefusedAgain = true;
    },
  };
}
