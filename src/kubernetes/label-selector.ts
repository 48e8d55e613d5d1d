import { isInt64 } from './query.js';

/** A symbol or a word; a NUL after it is swallowed. At another NUL apimachinery's lexer stops. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it is about
const token = /[ \t\r\n]*(==|!=|[=!()<>,]|[^ \t\r\n=!()<>,\x00]+)\x00?/y;
const symbol = /^[=!()<>,]/;
const word = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const subdomain = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** Whether apimachinery's `labels.Parse` accepts a label selector: `app=web,tier in (a,b),!old`. Takes linear time. */
export function isLabelSelector(selector: string): boolean {
  const tokens = new Tokens(selector);
  if (tokens.next === undefined) return true;
  do {
    if (!readRequirement(tokens)) return false;
  } while (tokens.take(','));
  return tokens.next === undefined;
}

function readRequirement(tokens: Tokens): boolean {
  const isNegated = tokens.take('!');
  const key = tokens.takeWord();
  if (key === undefined || !isKey(key)) return false;
  if (isNegated || tokens.next === undefined || tokens.next === ',') return true;
  switch (tokens.takeAny()) {
    case 'in':
    case 'notin':
      return tokens.take('(') && readList(tokens);
    case '=':
    case '==':
    case '!=':
      return isValue(readValue(tokens));
    case '<':
    case '>': {
      const value = readValue(tokens);
      return isValue(value) && isInt64(value);
    }
    default:
      return false;
  }
}

/** A value, which may be empty; undefined if there is something else. */
function readValue(tokens: Tokens): string | undefined {
  return tokens.next === undefined || tokens.next === ',' ? '' : tokens.takeWord();
}

/** Reads `a,b)`. As in apimachinery, values may be empty, but two commas are followed by another one or a value. */
function readList(tokens: Tokens): boolean {
  if (tokens.take(')')) return true;
  for (;;) {
    if (tokens.take(',')) {
      if (!tokens.take(',') && tokens.take(')')) return true;
      continue;
    }
    if (!isValue(tokens.takeWord())) return false;
    if (tokens.take(')')) return true;
    if (tokens.next !== ',') return false;
  }
}

/** A name, or a DNS name, a slash and a name (apimachinery `IsQualifiedName`). */
function isKey(key: string): boolean {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  return more.length === 0 && word.test(name) && (prefix === undefined || subdomain.test(prefix));
}

function isValue(value: string | undefined): value is string {
  return value !== undefined && (value === '' || word.test(value));
}

/** The tokens of a selector, from the first to the last. */
class Tokens {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(selector: string) {
    const tokens: string[] = [];
    token.lastIndex = 0;
    for (let match = token.exec(selector); match !== null; match = token.exec(selector)) {
      tokens.push(match[1] as string);
    }
    this.#tokens = tokens;
  }

  /** Undefined at the end. */
  get next(): string | undefined {
    return this.#tokens[this.#at];
  }

  takeAny(): string | undefined {
    return this.#tokens[this.#at++];
  }

  /** Takes the next token if it is this one. */
  take(text: string): boolean {
    if (this.next !== text) return false;
    this.#at++;
    return true;
  }

  /** Takes the next token if it is a word. */
  takeWord(): string | undefined {
    return this.next === undefined || symbol.test(this.next) ? undefined : this.takeAny();
  }
}
