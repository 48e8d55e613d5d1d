/** When a credential is renewed and when it is no longer sent: milliseconds since 1970, Infinity for never. */
export interface Lifetime {
  readonly renewAt: number;
  readonly endsAt: number;
}

/** One that has expired already is still sent for so long, so that the plugin does not run for every request. */
const leastUse = 1_000;

/**
 * Renewal is due at 80 % of the lifetime or 60 s before its end, whichever is later, and no sooner than 1 s after the
 * credential came. One that came with less than that is renewed when it is next asked for.
 */
export function planLifetime(now: number, expiresAt: number | undefined): Lifetime {
  if (expiresAt === undefined) return { renewAt: Infinity, endsAt: Infinity };
  const endsAt = Math.max(expiresAt, now + leastUse);
  const renewAt = Math.max(now + 0.8 * (expiresAt - now), expiresAt - 60_000, now + leastUse);
  return { renewAt: renewAt < endsAt ? renewAt : Infinity, endsAt };
}

/** Milliseconds to wait after a number of failures in a row: 1 s, doubling to 30 s. */
export function backoffAfter(failures: number): number {
  return Math.min(1_000 * 2 ** (failures - 1), 30_000);
}
