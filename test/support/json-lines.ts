/** The lines of a text. What comes after the last end of a line is still being written, and is left out. */
export function wholeLines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

/** The values of a text with one JSON value in each line, such as an audit log. Throws if a line is not JSON. */
export function jsonLines<T>(text: string): T[] {
  return wholeLines(text).map(line => JSON.parse(line) as T);
}

/** The JSON lines of the program's log. Its other lines, such as those of the start, are left out. */
export function logLines(text: string): Record<string, unknown>[] {
  return wholeLines(text)
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Record<string, unknown>);
}
