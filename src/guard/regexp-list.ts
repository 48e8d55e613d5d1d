import { compileRe2 } from '../lib/re2.js';
import type { ValueType } from '../lib/value-type.js';

/** A comma-separated list of Go regular expressions. */
export interface RegexpList {
  /** True if any expression matches. An empty list matches nothing. */
  matches(text: string): boolean;
}

type Matcher = (text: string) => boolean;

/** `^prefix.*first.*second`, where `.` matches no line feed. If the shortest match has a line feed, all longer ones have it too. */
function inOrder(prefix: string, first: string, second: string): Matcher {
  return text => {
    if (!text.startsWith(prefix)) return false;
    const middle = text.indexOf(first, prefix.length);
    const last = middle === -1 ? -1 : text.indexOf(second, middle + first.length);
    const lineFeed = last === -1 ? -1 : text.indexOf('\n', prefix.length);
    return last !== -1 && (lineFeed === -1 || lineFeed > last);
  };
}

/** The defaults, and the usual "match everything", run for every request, so they must not need an automaton. */
const shortcuts: ReadonlyMap<string, Matcher> = new Map<string, Matcher>([
  ['', () => true],
  ['.*', () => true],
  ['^.*', () => true],
  ['^*$', () => true],
  ['^$', text => text === ''],
  ['^localhost$', text => text === 'localhost'],
  ['^127\\.0\\.0\\.1$', text => text === '127.0.0.1'],
  ['^\\[::1\\]$', text => text === '[::1]'],
  ['^/api/.*/pods/.*/exec', inOrder('/api/', '/pods/', '/exec')],
  ['^/api/.*/pods/.*/attach', inOrder('/api/', '/pods/', '/attach')],
]);

function compileExpression(expression: string, whole: boolean): Matcher {
  const shortcut = whole ? undefined : shortcuts.get(expression);
  if (shortcut !== undefined) return shortcut;
  const re = compileRe2(expression);
  return whole ? text => re.matches(text) : text => re.test(text);
}

/**
 * Compiles `source` as kubectl's `MakeRegexpArray` does: split at every comma, Go syntax, linear time. An empty source is an empty list.
 * An expression matches anywhere in a text (Go's `MatchString`); with `whole`, it must match the whole text. Problems name `flag` and the
 * expression, one line each.
 */
export function compileRegexpList(
  flag: string,
  source: string,
  { whole = false }: { whole?: boolean } = {},
): { readonly list: RegexpList } | { readonly problems: string[] } {
  const matchers: Matcher[] = [];
  const problems: string[] = [];
  for (const expression of source === '' ? [] : source.split(',')) {
    try {
      matchers.push(compileExpression(expression, whole));
    } catch (error) {
      problems.push(`${flag}: "${expression}" is not a regular expression: ${reasonOf(error)}`);
    }
  }
  if (problems.length > 0) return { problems };
  const [only] = matchers;
  if (only !== undefined && matchers.length === 1) return { list: { matches: only } };
  return { list: { matches: text => matchers.some(matches => matches(text)) } };
}

/** Compiles a list that an option's type has accepted. */
export function validRegexpList(source: string, how?: { whole: boolean }): RegexpList {
  return validList(compileRegexpList('list', source, how));
}

/** Options are validated when they are parsed: a list that does not compile is a bug. */
export function validList<T>(compiled: { readonly list: T } | { readonly problems: readonly string[] }): T {
  if ('problems' in compiled) throw new Error(compiled.problems.join('; '));
  return compiled.list;
}

/** RE2's message, without the words that the line already has. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error parsing regexp: /, '');
}

/** An option's list of Go regular expressions that compile; the value is the text itself. */
export const regexpList: ValueType<string> = {
  placeholder: 'REGEXPS',
  separator: ',',
  parse(value, where) {
    const compiled = compileRegexpList(where, value);
    return 'list' in compiled ? { value } : compiled;
  },
};
