import { assertLinear } from './growth.js';

/** More fields than any head may have, so that quadratic work shows: no function may rely on a limit that another one enforces. */
export const fieldCount = 8_000;

const value = 'a=1; Path=/b, c';

/** A list of this number of fields. Three of four have this name, and the others have other names of the same length. */
export function listOf(name: string, length: number): string[] {
  return Array.from({ length }, (_, index) => {
    const other = (index % 1_000).toString(36).padStart(name.length, 'x').slice(-name.length);
    return [index % 4 === 0 ? other : name, value];
  }).flat();
}

/** Asserts that reading a list of fields takes linear time, whichever of these names many of them have. */
export function assertLinearIn(names: readonly string[], read: (fields: string[]) => unknown): void {
  for (const name of names) {
    const prepare = (length: number) => {
      const fields = listOf(name, length);
      return () => {
        try {
          read([...fields]);
        } catch {}
      };
    };
    assertLinear(fieldCount, prepare, name);
  }
}
