/** Milliseconds to wait after a number of failures in a row: 1 s, doubling to 30 s. */
export function backoffAfter(failures: number): number {
  return Math.min(1_000 * 2 ** (failures - 1), 30_000);
}
