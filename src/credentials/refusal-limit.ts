/** How often a credential that the API server refuses may be renewed; times are milliseconds. */
interface RefusalLimit {
  /** Whether a refusal at this time may renew the credential; true counts as a renewal. */
  mayRenew(now: number): boolean;
  /** The renewal gave what was refused already. */
  gaveTheSame(): void;
}

const leastInterval = 10_000;
const mostInterval = 5 * 60_000;

/**
 * Lets the first refusal renew at once, and then one in 10 s. While each renewal's credential is refused in turn the
 * interval doubles, up to 5 min; one that held out for longer than the interval brings it back to 10 s.
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
    gaveTheSame() {
      isRefusedAgain = true;
    },
  };
}
