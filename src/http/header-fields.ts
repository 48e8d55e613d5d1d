/** Header fields in the form of Node's `rawHeaders`: name, value, name, value, … in order, spelled as sent. */
export type RawHeaders = readonly string[];

/** Fields about a connection of HTTP/1.1, in lower case. HTTP/2 forbids them (RFC 9113, section 8.2.2), and HTTP/1.1 would act on them. */
export const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The value of a field; undefined if there is none. Lines of the same name are one list (RFC 9110, section 5.2). All guards read fields
 * with this function, from the same list that goes upstream: Node's `headers` omits fields beyond a limit and drops repeated ones.
 *
 * @param key The name in lower case.
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

/** Whether there is a field of this name (in lower case). */
export function hasField(headers: RawHeaders, key: string): boolean {
  return indexOfField(headers, key) !== -1;
}

/** A copy of the fields in which each field of this name (in lower case) has this value. */
export function withField(headers: RawHeaders, key: string, value: string): string[] {
  return headers.map((text, index) =>
    index % 2 === 1 && (headers[index - 1] as string).toLowerCase() === key ? value : text,
  );
}

/** The index of the first field of this name (in lower case); -1 if there is none. */
export function indexOfField(headers: RawHeaders, key: string): number {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (name.length === key.length && name.toLowerCase() === key) return index;
  }
  return -1;
}
