/** What lies between the monotonic clock and the wall's, in milliseconds. */
let offset = performance.timeOrigin;
/** Milliseconds that the two may differ by before the wall's clock was set. */
const tolerance = 2;

/** Milliseconds since 1970 with microseconds as their fraction; follows the clock of the machine when that is set. */
export function microTime(): number {
  const monotonic = performance.now();
  const wall = Date.now();
  if (Math.abs(offset + monotonic - wall) > tolerance) offset = wall - monotonic;
  return offset + monotonic;
}

/** As `metav1.MicroTime` is written: RFC 3339 in UTC with six digits of a second. */
export function formatMicroTime(time: number): string {
  const microseconds = Math.floor(time * 1000);
  const digits = String(microseconds % 1000).padStart(3, '0');
  return `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${digits}Z`;
}
