/** Milliseconds between the monotonic clock and the wall clock. */
let offset = performance.timeOrigin;
/** If the two clocks differ by more milliseconds, somebody has set the wall clock. */
const tolerance = 2;

/**
 * Milliseconds since 1970, with microseconds as the fraction; follows the wall clock when that is set.
 *
 * @param monotonic A moment of `performance.now()`, which has just been.
 */
export function microTime(monotonic = performance.now()): number {
  const now = performance.now();
  const wall = Date.now();
  if (Math.abs(offset + now - wall) > tolerance) offset = wall - now;
  return offset + monotonic;
}
