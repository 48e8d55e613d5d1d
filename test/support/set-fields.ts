/** An object without the fields that are undefined, for a comparison with those that are set. */
export function setFields<T extends object>(object: T): Partial<T> {
  const set = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Partial<T>;
}
