/** How often a credential that the API server refuses may be renewed; times are milliseconds. */
interface RefusalLimit {
  /** Whether a refusal at this time may renew the credential; true counts as a renewal. */
  mayRenew(now: number): boolean;
  /** The renewal returned the refused credential again. */
  returnedTheSame(): void;
}

const leastInterval = 10_000;
const mostInterval = 5 * 60_000;

/**
 * The first refusal renews at once, later ones at most every 10 s. The interval doubles, up to 5 min, while the API server refuses each
 * new credential within it. A credential that was accepted for longer resets the interval to 10 s.
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
