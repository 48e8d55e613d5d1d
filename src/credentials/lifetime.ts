/** When a credential is renewed, and when it is no longer used: milliseconds after it was obtained, Infinity for never. */
export interface Lifetime {
  readonly renewAfter: number;
  readonly endsAfter: number;
}

/** Minimum milliseconds between two renewals. */
const leastPause = 1_000;

/**
 * Plans a renewal after 80 % of the time or 60 s before the end, whichever is later, but after 1 s at least. If the credential ends before
 * that, no renewal is planned: the next request after its end renews it.
 */
export function planLifetime(endsAfter: number): Lifetime {
  if (endsAfter === Infinity) return { renewAfter: Infinity, endsAfter };
  const renewAfter = Math.max(0.8 * endsAfter, endsAfter - 60_000, leastPause);
  return { renewAfter: renewAfter < endsAfter ? renewAfter : Infinity, endsAfter };
}
