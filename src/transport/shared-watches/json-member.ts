/** A part of a text: from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the value of a member lies; undefined without one. Of several the last one counts, as in Go and for JSON.parse. The text stays
 * as it is, so it can be changed there and nowhere else: JSON.stringify would change numbers, escapes and repeated members. Takes linear
 * time and no stack.
 *
 * @param text Valid JSON: JSON.parse must have accepted it.
 * @param start Where the object begins.
 */
export function memberSpan(text: string, start: number, name: string): Span | undefined {
  let found: Span | undefined;
  let at = spaceEnd(text, start + 1);
  while (text[at] === '"') {
    const nameEnd = stringEnd(text, at);
    const isWanted = JSON.parse(text.slice(at, nameEnd)) === name;
    const colon = spaceEnd(text, nameEnd);
    const value = spaceEnd(text, colon + 1);
    const end = valueEnd(text, value);
    if (isWanted) found = { start: value, end };
    // A comma or the closing brace.
    at = spaceEnd(text, spaceEnd(text, end) + 1);
  }
  return found;
}

const space: ReadonlySet<string | undefined> = new Set([' ', '\t', '\r', '\n']);
const opening: ReadonlySet<string | undefined> = new Set(['{', '[']);
const closing: ReadonlySet<string | undefined> = new Set(['}', ']']);

function spaceEnd(text: string, start: number): number {
  let at = start;
  while (space.has(text[at])) at += 1;
  return at;
}

function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start);
  return opening.has(text[start]) ? nestedEnd(text, start) : wordEnd(text, start);
}

/** Behind an object or a list. */
function nestedEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    if (text[at] === '"') {
      at = stringEnd(text, at);
    } else {
      if (opening.has(text[at])) depth += 1;
      else if (closing.has(text[at])) depth -= 1;
      at += 1;
    }
  } while (depth > 0);
  return at;
}

/** Behind a number, true, false or null: some member or end of an object follows. */
function wordEnd(text: string, start: number): number {
  let at = start;
  while (text[at] !== ',' && text[at] !== '}' && !space.has(text[at])) at += 1;
  return at;
}

function stringEnd(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

/** Whether an odd number of backslashes stands before this index. */
function isEscaped(text: string, index: number): boolean {
  let before = index;
  while (text[before - 1] === '\\') before -= 1;
  return (index - before) % 2 === 1;
}
