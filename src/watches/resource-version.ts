/**
 * Parses a resourceVersion that can be compared, and removes leading zeros. Returns undefined for any other string. In KEP-5504 versions
 * are positive decimal numbers of any length. Zero is not a version: in a request it means any version in the cache.
 */
export function parseVersion(text: string): string | undefined {
  return /^0*([1-9][0-9]*)$/.exec(text)?.[1];
}

/**
 * Compares two parsed versions as numbers: negative if `one` is smaller, 0 if they are equal. A shorter version is smaller; versions of the
 * same length are compared as strings (apimachinery `util/resourceversion`).
 */
export function compareVersions(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
