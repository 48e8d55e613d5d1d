/** A header field of the static table. */
export type StaticField = readonly [name: string, value: string];

/** RFC 7541, appendix A. Its indices begin at 1. */
const fields: readonly StaticField[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** The index of the first field of each name. Other fields of that name follow it. */
const firstIndices = new Map<string, number>();
for (const [position, [name]] of fields.entries()) {
  if (!firstIndices.has(name)) firstIndices.set(name, position + 1);
}

/** Returns the field at this index, or undefined. */
export function staticField(index: number): StaticField | undefined {
  return fields[index - 1];
}

/** Returns the index of the field with this name and value, or 0. */
export function indexOfField(name: string, value: string): number {
  for (let index = indexOfName(name); staticField(index)?.[0] === name; index++) {
    if (staticField(index)?.[1] === value) return index;
  }
  return 0;
}

/** Returns the index of the first field with this name, or 0. */
export function indexOfName(name: string): number {
  return firstIndices.get(name) ?? 0;
}
