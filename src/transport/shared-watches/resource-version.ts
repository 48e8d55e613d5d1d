/**
 * A resourceVersion that can be compared, without leading zeros; undefined for any other text. KEP-5504 has positive decimal numbers of
 * any length. Zero is none: it asks for whatever is in the cache.
 */
export function parseVersion(text: string): string | undefined {
  return /^0*([1-9][0-9]*)$/.exec(text)?.[1];
}

/**
 * Compares two parsed versions as numbers: negative if `one` is the smaller one, 0 if they are equal. The shorter one is the smaller one;
 * those of one length compare as texts (apimachinery `util/resourceversion`).
 */
export function compareVersions(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
