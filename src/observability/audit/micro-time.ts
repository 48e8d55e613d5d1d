/** Milliseconds between the monotonic clock and the wall clock. */
let offset = performance.timeOrigin;
/** If the two clocks differ by more milliseconds, somebody has set the wall clock. */
const tolerance = 2;

/** Milliseconds since 1970, with microseconds as the fraction; follows the wall clock when that is set. */
export function microTime(): number {
  const monotonic = performance.now();
  const wall = Date.now();
  if (Math.abs(offset + monotonic - wall) > tolerance) offset = wall - monotonic;
  return offset + monotonic;
}

/** The time in the form of `metav1.MicroTime`: RFC 3339 in UTC with six digits after the second. */
export function formatMicroTime(time: number): string {
  const microseconds = Math.floor(time * 1000);
  const digits = String(microseconds % 1000).padStart(3, '0');
  return `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${digits}Z`;
}
