/** Header fields as Node's `rawHeaders` has them: name, value, name, value, … in order, spelled as sent. */
export type RawHeaders = readonly string[];

/**
 * The value of a field, whose name is passed in lower case; undefined without one. Lines of the same name are one list (RFC 9110,
 * section 5.2). Everything that decides about a request reads its fields here, from the same list that goes upstream: Node's
 * `headers` leaves out what exceeds a limit and drops repeated fields.
 */
export function fieldValue(headers: RawHeaders, key: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (name.length !== key.length || name.toLowerCase() !== key) continue;
    value = value === undefined ? headers[index + 1] : `${value}, ${headers[index + 1]}`;
  }
  return value;
}

/** Whether there is a field of this name, which is passed in lower case. */
export function hasField(headers: RawHeaders, key: string): boolean {
  return indexOfField(headers, key) !== -1;
}

/** Where the first field of this name, which is passed in lower case, begins; -1 without one. */
export function indexOfField(headers: RawHeaders, key: string): number {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (name.length === key.length && name.toLowerCase() === key) return index;
  }
  return -1;
}
