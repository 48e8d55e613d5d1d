import { badRequest } from './status-failure.js';

type Labels = Readonly<Record<string, string | undefined>>;
type Requirement = (labels: Labels) => boolean;

const operators = ['in', 'notin', '=', '==', '!=', '>', '<'];
const name = /^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;
const prefix = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads a label selector by the grammar of apimachinery's `labels.Parse`, with its messages. Throws a failure of 400. */
export function readLabelSelector(text: string): Requirement {
  const requirements = new Parser(text).requirements();
  return labels => requirements.every(matches => matches(labels));
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[()!=,<>]|[^\s()!=,<>]+/g) ?? [];
  }

  requirements(): readonly Requirement[] {
    const found: Requirement[] = [];
    if (this.#next === '') return found;
    for (let expected = "!, identifier, or 'end of string'"; ; expected = "identifier after ','") {
      if (!isIdentifier(this.#next) && this.#next !== '!') this.#fail('', expected);
      found.push(this.#requirement());
      if (this.#next === '') return found;
      if (this.#take() !== ',') this.#fail('', "',' or 'end of string'", this.#last);
    }
  }

  /** The next token; empty at the end. */
  get #next(): string {
    return this.#tokens[this.#at] ?? '';
  }

  get #last(): string {
    return this.#tokens[this.#at - 1] ?? '';
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  #requirement(): Requirement {
    const isNegated = this.#next === '!';
    if (isNegated) this.#take();
    if (!isIdentifier(this.#next)) this.#fail(requirement, 'identifier');
    const key = checkedKey(this.#take());
    if (isNegated) return labels => labels[key] === undefined;
    if (this.#next === '' || this.#next === ',') return labels => labels[key] !== undefined;
    const operator = this.#take();
    if (!operators.includes(operator)) this.#fail(requirement, 'in, notin, =, ==, !=, gt, lt', operator);
    if (operator === 'in' || operator === 'notin') {
      const values = this.#values();
      return labels => values.has(labels[key] ?? '\0') === (operator === 'in');
    }
    const value = this.#next === '' || this.#next === ',' ? '' : this.#take();
    if (value !== '' && !isIdentifier(value)) this.#fail(requirement, 'identifier', value);
    if (operator !== '>' && operator !== '<') {
      checkValue(value);
      return labels => (labels[key] === value) === (operator !== '!=');
    }
    if (!/^-?\d+$/.test(value))
      throw badRequest(`${requirement}'${value}' must be an integer for '>' and '<'`);
    return labels => {
      const own = Number(labels[key] ?? Number.NaN);
      return operator === '>' ? own > Number(value) : own < Number(value);
    };
  }

  #values(): ReadonlySet<string> {
    if (this.#take() !== '(') this.#fail(requirement, "'('", this.#last);
    const values = new Set<string>();
    for (;;) {
      values.add(isIdentifier(this.#next) ? checkValue(this.#take()) : '');
      const separator = this.#take();
      if (separator === ')') return values;
      if (separator !== ',') this.#fail(requirement, "',' or ')'", separator);
    }
  }

  #fail(where: string, expected: string, found = this.#next): never {
    throw badRequest(`${where}found '${found}', expected: ${expected}`);
  }
}

const requirement = 'unable to parse requirement: ';

function isIdentifier(token: string): boolean {
  return token !== '' && !/^[()!=,<>]/.test(token);
}

function checkedKey(key: string): string {
  const [own = '', before, ...more] = key.split('/').reverse();
  if (more.length > 0 || !name.test(own) || (before !== undefined && !prefix.test(before)))
    throw badRequest(`${requirement}Invalid value: "${key}": it is not a qualified name`);
  return key;
}

function checkValue(value: string): string {
  if (value !== '' && !name.test(value))
    throw badRequest(`${requirement}Invalid value: "${value}": it is not a valid label`);
  return value;
}
