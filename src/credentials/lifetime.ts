/** When a credential is renewed, and when it is no longer used: milliseconds since 1970, Infinity for never. */
export interface Lifetime {
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Minimum milliseconds between two renewals. */
const leastPause = 1_000;

/**
 * Plans a renewal at 80 % of the remaining time or 60 s before the end, whichever is later, but at least 1 s from now. If the
 * credential ends before that, no renewal is planned: the next request after its end renews it.
 */
export function planLifetime(now: number, endsAt = Infinity): Lifetime {
  if (endsAt === Infinity) return { renewAt: Infinity, endsAt };
  const renewAt = Math.max(now + 0.8 * (endsAt - now), endsAt - 60_000, now + leastPause);
  return { renewAt: renewAt < endsAt ? renewAt : Infinity, endsAt };
}
