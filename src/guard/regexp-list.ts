import { compileRe2 } from '../lib/re2.js';
import type { Parsed, ValueType } from '../lib/value-type.js';

/** A comma-separated list of Go regular expressions. */
export interface RegexpList {
  /** As in the option. */
  readonly source: string;
  /** True if any expression matches. An empty list matches nothing. */
  matches(text: string): boolean;
  /** The first expression that matches; undefined if none does. */
  find(text: string): string | undefined;
}

export type Matcher = (text: string) => boolean;

/** `^prefix.*first.*second`, where `.` matches no line feed. If the shortest match has a line feed, all longer ones have it too. */
function inOrder(prefix: string, first: string, second: string): Matcher {
  return text => {
    if (!text.startsWith(prefix)) return false;
    const middle = text.indexOf(first, prefix.length);
    const last = middle === -1 ? -1 : text.indexOf(second, middle + first.length);
    if (last === -1) return false;
    const lineFeed = text.indexOf('\n', prefix.length);
    return lineFeed === -1 || lineFeed > last;
  };
}

const everything: Matcher = () => true;

/** A `.` matches no line feed. */
const oneLine: Matcher = text => !text.includes('\n');

/** The defaults, and the usual "match everything", run for every request, so they must not need an automaton. */
const shortcuts: ReadonlyMap<string, Matcher> = new Map<string, Matcher>([
  ['.*', everything],
  ['^.*', everything],
  ['^*$', everything],
  ['^$', text => text === ''],
  ['^localhost$', text => text === 'localhost'],
  ['^127\\.0\\.0\\.1$', text => text === '127.0.0.1'],
  ['^\\[::1\\]$', text => text === '[::1]'],
  ['^/api/.*/pods/.*/exec', inOrder('/api/', '/pods/', '/exec')],
  ['^/api/.*/pods/.*/attach', inOrder('/api/', '/pods/', '/attach')],
]);

function compileExpression(expression: string): Matcher {
  const shortcut = shortcuts.get(expression);
  if (shortcut !== undefined) return shortcut;
  const re = compileRe2(expression);
  return text => re.test(text);
}

function compileWhole(expression: string): Matcher {
  // The default.
  if (expression === '.*') return oneLine;
  const re = compileRe2(expression);
  return text => re.matches(text);
}

/**
 * Compiles a list: split at every comma, as kubectl's `MakeRegexpArray` does. An empty source is an empty list. Problems begin with `where`
 * and name the expression, one line each.
 *
 * @param compile Returns what is wrong with an expression as a string, the end of a sentence; or throws RE2's error.
 */
export function compileList(
  source: string,
  where: string,
  compile: (expression: string) => Matcher | string,
): Parsed<RegexpList> {
  const matchers: Matcher[] = [];
  const problems: string[] = [];
  const expressions = source === '' ? [] : source.split(',');
  for (const expression of expressions) {
    const problem = (what: string) => problems.push(`${where}: ${JSON.stringify(expression)} ${what}`);
    try {
      const compiled = compile(expression);
      if (typeof compiled === 'string') problem(compiled);
      else matchers.push(compiled);
    } catch (error) {
      problem(`is not a regular expression: ${reasonOf(error)}`);
    }
  }
  if (problems.length > 0) return { problems };
  const [only] = matchers;
  const find = (text: string) => expressions[matchers.findIndex(matches => matches(text))];
  if (only !== undefined && matchers.length === 1) return { value: { source, matches: only, find } };
  return { value: { source, matches: text => matchers.some(matches => matches(text)), find } };
}

/** RE2's message, without the words that the line already has. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/error parsing regexp: /, '');
}

/** An option's list of Go regular expressions, in linear time. An expression matches anywhere in a text (Go's `MatchString`). */
export const regexpList: ValueType<RegexpList> = {
  placeholder: 'REGEXPS',
  separator: ',',
  parse: (source, where) => compileList(source, where, compileExpression),
};

/** The same, but an expression must match the whole text. */
export const wholeRegexpList: ValueType<RegexpList> = {
  ...regexpList,
  parse: (source, where) => compileList(source, where, compileWhole),
};
