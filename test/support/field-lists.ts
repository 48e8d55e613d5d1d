import { assertLinear } from './growth.js';

/** More fields than any head may have, so that quadratic work shows: no function may rely on a limit that another one enforces. */
export const fieldCount = 8_000;

const value = 'a=1; Path=/b, c';

/** A list of this number of fields. Three of four have this name, and the others have other names of the same length. */
export function listOf(name: string, length: number): string[] {
  const others = Array.from({ length: 1_000 }, (_, index) =>
    index.toString(36).padStart(name.length, 'x').slice(-name.length),
  );
  const fields: string[] = [];
  for (let index = 0; index < length; index += 1)
    fields.push(index % 4 === 0 ? (others[index % 1_000] as string) : name, value);
  return fields;
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
