const quote = 0x22;
const colon = 0x3a;
const openingBracket = 0x5b;
const closingBracket = 0x5d;
const openingBrace = 0x7b;
const closingBrace = 0x7d;

/** A part of a string: from `start` up to but not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the value of a member in a JSON string; undefined if there is no such member. If it is repeated, the last one counts, as in Go and
 * in JSON.parse. The caller can replace this part and leave the rest of the string unchanged; JSON.stringify would change numbers, escapes
 * and repeated members. It takes linear time and no stack.
 *
 * @param text Valid JSON: JSON.parse must have accepted it.
 * @param start The index where the object begins.
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

/**
 * Whether no object in a JSON string has two members of one name, and nothing has more levels than these. In linear time: each colon outside
 * of a string is one member of the text.
 *
 * @param value What JSON.parse has made of the text. Of members of one name it has only the last one.
 */
export function isPlainJson(text: string, value: unknown, mostLevels: number): boolean {
  let count = 0;
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = stringEnd(text, at) - 1;
        break;
      case colon:
        count += 1;
        break;
      case openingBrace:
      case openingBracket:
        level += 1;
        if (level > mostLevels) return false;
        break;
      case closingBrace:
      case closingBracket:
        level -= 1;
        break;
    }
  }
  return count === memberCount(value);
}

/** How many members all objects of a value have. */
function memberCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const item of inner) count += memberCount(item);
  return count;
}

function spaceEnd(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function valueEnd(text: string, start: number): number {
  switch (text[start]) {
    case '"':
      return stringEnd(text, start);
    case '{':
    case '[':
      return nestedEnd(text, start);
    default:
      return wordEnd(text, start);
  }
}

/** Returns the index after an object or an array. Comparing character codes takes half the time of comparing strings of one character. */
function nestedEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    switch (text.charCodeAt(at)) {
      case quote:
        at = stringEnd(text, at);
        continue;
      case openingBrace:
      case openingBracket:
        depth += 1;
        break;
      case closingBrace:
      case closingBracket:
        depth -= 1;
        break;
    }
    at += 1;
  } while (depth > 0);
  return at;
}

/** Returns the index after a number, true, false or null. A comma, a bracket or white space follows it. */
function wordEnd(text: string, start: number): number {
  let at = start;
  while (!',}] \t\r\n'.includes(text[at] ?? '')) at += 1;
  return at;
}

function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Whether an odd number of backslashes is directly before this index. */
function isEscaped(text: string, index: number): boolean {
  let before = index;
  while (text[before - 1] === '\\') before -= 1;
  return (index - before) % 2 === 1;
}
