/** Header fields in the form of Node's `rawHeaders`: name, value, name, value, … in order, spelled as sent. */
export type RawHeaders = readonly string[];

/** The most header fields of a request or an answer. */
export const maxFields = 1000;

/** The octets that each field adds to the size of a list of fields, besides its name and value (RFC 9113, section 6.5.2). */
export const fieldOverhead = 32;

/** The size of a list of fields in octets, as RFC 9113 counts it for SETTINGS_MAX_HEADER_LIST_SIZE. */
export function fieldListSize(headers: RawHeaders): number {
  let size = (headers.length / 2) * fieldOverhead;
  for (const text of headers) size += text.length;
  return size;
}

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
 * The value of a field; undefined if there is none. Its lines are joined as `withLine` does. All guards read fields with this function, from
 * the same list that goes upstream: Node's `headers` omits fields beyond a limit and drops repeated ones.
 *
 * @param key The name in lower case.
 */
export function fieldValue(headers: RawHeaders, key: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    if (isNamed(headers[index] as string, key)) value = withLine(value, headers[index + 1] as string);
  }
  return value;
}

/** The most characters of a value that several lines make. */
const mostJoined = 1024;

/**
 * The value of a field with one more of its lines: lines of the same name are one list (RFC 9110, section 5.2). Lines that would make the
 * value longer than 1 KB are left out: a compressed head has a line of 4 KB for one byte (RFC 7541, section 6.1), so that a value grows on
 * the way to 2,000 times what it cost.
 */
export function withLine(value: string | undefined, line: string, most = mostJoined): string {
  if (value === undefined) return line;
  return value.length + line.length > most ? value : `${value}, ${line}`;
}

/** Whether there is a field of this name (in lower case). */
export function hasField(headers: RawHeaders, key: string): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (isNamed(headers[index] as string, key)) return true;
  }
  return false;
}

/** Removes all fields of this name (in lower case) from the list, in one pass. */
export function removeFields(headers: string[], key: string): void {
  let kept = 0;
  for (let index = 0; index < headers.length; index += 2) {
    if (isNamed(headers[index] as string, key)) continue;
    headers[kept] = headers[index] as string;
    headers[kept + 1] = headers[index + 1] as string;
    kept += 2;
  }
  headers.length = kept;
}

/** Whether a field has this name (in lower case). */
export function isNamed(name: string, key: string): boolean {
  return name.length === key.length && name.toLowerCase() === key;
}

/** Tells browsers to take an answer for what its Content-Type says, and for nothing else (Fetch, "X-Content-Type-Options header"). */
export const noSniff = ['X-Content-Type-Options', 'nosniff'] as const;

/**
 * Lets only pages of this origin embed an answer, as an image, a script or the like (Fetch, "Cross-Origin-Resource-Policy header"). Browsers
 * obey it on plain HTTP too, where they send no Fetch Metadata.
 */
export const sameOriginOnly = ['Cross-Origin-Resource-Policy', 'same-origin'] as const;

/** Fields of the proxy's own answers where no rule applies. */
export const ownAnswerFields: readonly string[] = [...noSniff, ...sameOriginOnly];
