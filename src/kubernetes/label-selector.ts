import { isInt64 } from './query.js';

/** A symbol or a word; a NUL after it is swallowed. At another NUL apimachinery's lexer stops. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it is about
const token = /[ \t\r\n]*(==|!=|[=!()<>,]|[^ \t\r\n=!()<>,\x00]+)\x00?/y;
const word = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const subdomain = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** A part of a selector, all of which have to be true: `LabelSelectorRequirement` of meta/v1, and the comparisons, which that lacks. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  /** Sorted, each one once. */
  readonly values: readonly string[];
}

/** What apimachinery's `labels.Parse` makes of a label selector (`app=web,tier in (a,b),!old`), by key; undefined if it does not accept it. */
export function labelRequirements(selector: string): readonly LabelRequirement[] | undefined {
  const tokens = new Tokens(selector);
  if (tokens.next === undefined) return [];
  const requirements: LabelRequirement[] = [];
  do {
    const requirement = readRequirement(tokens);
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  } while (tokens.take(','));
  if (tokens.next !== undefined) return undefined;
  return requirements.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
}

const operators = {
  in: 'In',
  notin: 'NotIn',
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '<': 'Lt',
  '>': 'Gt',
} as const;

function readRequirement(tokens: Tokens): LabelRequirement | undefined {
  const isNegated = tokens.take('!');
  const key = tokens.takeAny();
  if (key === undefined || !isKey(key)) return undefined;
  if (isNegated) return { key, operator: 'DoesNotExist', values: [] };
  if (tokens.next === undefined || tokens.next === ',') return { key, operator: 'Exists', values: [] };
  const word = tokens.takeAny() as string;
  if (!Object.hasOwn(operators, word)) return undefined;
  const operator = operators[word as keyof typeof operators];
  const values = word === 'in' || word === 'notin' ? readList(tokens) : readExact(tokens);
  if (values === undefined) return undefined;
  if ((operator === 'Lt' || operator === 'Gt') && !isInt64(values[0] as string)) return undefined;
  return { key, operator, values };
}

function readExact(tokens: Tokens): readonly string[] | undefined {
  const value = readValue(tokens);
  return isValue(value) ? [value] : undefined;
}

/** What should be a value, which may be empty. */
function readValue(tokens: Tokens): string | undefined {
  return tokens.next === undefined || tokens.next === ',' ? '' : tokens.takeAny();
}

/** Reads `(a,b)`. As in apimachinery, values may be empty, but two commas are followed by another one or a value. */
function readList(tokens: Tokens): readonly string[] | undefined {
  if (!tokens.take('(')) return undefined;
  if (tokens.take(')')) return [''];
  const values = new Set<string>();
  for (;;) {
    if (tokens.take(',')) {
      if (values.size === 0 || tokens.next === ',' || tokens.next === ')') values.add('');
      if (!tokens.take(',') && tokens.take(')')) return [...values].sort();
      continue;
    }
    const value = tokens.takeAny();
    if (!isValue(value)) return undefined;
    values.add(value);
    if (tokens.take(')')) return [...values].sort();
    if (tokens.next !== ',') return undefined;
  }
}

/** A name, or a DNS name, a slash and a name (apimachinery `IsQualifiedName`). */
function isKey(key: string): boolean {
  const slash = key.indexOf('/');
  return word.test(key.slice(slash + 1)) && (slash === -1 || subdomain.test(key.slice(0, slash)));
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
}
