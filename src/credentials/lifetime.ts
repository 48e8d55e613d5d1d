/** When a credential is renewed and when it is no longer given: milliseconds since 1970, Infinity for never. */
export interface Lifetime {
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Milliseconds between a credential's coming and its renewal, at least. */
const leastPause = 1_000;

/**
 * Renewal is due at 80 % of what is left or 60 s before the end, whichever is later, and no sooner than in 1 s. What has
 * less left than that is renewed when it is next asked for.
 */
export function planLifetime(now: number, endsAt = Infinity): Lifetime {
  if (endsAt === Infinity) return { renewAt: Infinity, endsAt };
  const renewAt = Math.max(now + 0.8 * (endsAt - now), endsAt - 60_000, now + leastPause);
  return { renewAt: renewAt < endsAt ? renewAt : Infinity, endsAt };
}
