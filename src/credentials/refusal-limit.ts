/** Limits how often a credential that the API server refuses is renewed. Times are milliseconds. */
interface RefusalLimit {
  /** Whether the credential may be renewed after a refusal at this time. True counts as a renewal. */
  mayRenew(now: number): boolean;
  /** Reports that the renewal returned the refused credential again. */
  returnedTheSame(): void;
}

const leastInterval = 10_000;
const mostInterval = 5 * 60_000;

/**
 * After the first refusal the credential is renewed at once, later at most every 10 s. The interval doubles, up to 5 min, if the API server
 * refuses the new credential within the interval. A credential that was accepted for longer resets the interval to 10 s.
 */
export function createRefusalLimit(): RefusalLimit {
  let renewedAt: number | undefined;
  let interval = leastInterval;
  let isRefusedAgain = false;
  return {
    mayRenew(now) {
      if (renewedAt !== undefined && now >= renewedAt && now < renewedAt + interval) {
        isRefusedAgain = true;
        return false;
      }
      interval = isRefusedAgain ? Math.min(interval * 2, mostInterval) : leastInterval;
      renewedAt = now;
      isRefusedAgain = false;
      return true;
    },
    returnedTheSame() {
      isRefusedAgain = true;
    },
  };
}
