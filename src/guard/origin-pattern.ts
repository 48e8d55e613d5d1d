import { compileRe2 } from '../lib/re2.js';

/**
 * The parts of a Go regular expression: what is quoted, groups of characters, beginnings of groups, numbers of repetitions, and single
 * characters.
 */
const parts =
  /\\Q[\s\S]*?(?:\\E|$)|\\(?:[pPx]\{[^}]*\}?|x..|[\s\S])|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]?|\(\?(?:P?<\w+>|[imsU-]*[:)])|\{\d+(?:,\d*)?\}|[\s\S]/g;

/** What every origin is if each run of characters of its scheme, and of its host and port, is one `a`. */
const shape = 'a://a';

/**
 * Whether no origin of a browser has a match that ends with its host or port, for a valid Go regular expression. It never says so of one
 * that matches an origin, and may miss one that matches none. The same expression is matched with the shape of all origins: a character of
 * a host is there any number of times, and only slashes are counted.
 */
export function matchesNoOrigin(expression: string): boolean {
  return !compileRe2(`(?:${expression.replace(parts, inShape)})$`).test(shape);
}

function inShape(part: string): string {
  if (/^(?:[()|*+?^$]|\\[Az]|\(\?.*|\{\d.*)$/.test(part)) return part;
  if (part.startsWith('\\Q')) return '(?:[a:/]*)';
  if (/^\\[dw]$/.test(part)) return '(?:a*)';
  // One character, which may be within a run.
  if (part === '.' || /^(?:\[.|\\[a-z0-9])/is.test(part)) return '(?:[a:/]?)';
  const character = part.at(-1) as string;
  if (character === '/') return '/';
  if (character === ':') return '(?::|a*)';
  return /[\s\\?#@,]/.test(character) ? '@' : '(?:a*)';
}
