import type { Random } from '../../../support/random.js';

/**
 * An expression about the claims of `truths.ts`, which may fail. It has no sum of which only cel-go knows the type. What it gives can be a header
 * field: it begins and ends with no space.
 */
export function generateExpression(random: Random): string {
  const make = new ExpressionMaker(random);
  const depth = 2 + random.below(3);
  return random.pick([
    () => `"<" + ${make.string(depth)} + ">"`,
    () => `(${make.bool(depth)}) ? "yes" : "no"`,
    () => `string(${make.int(depth)})`,
    () => `string(${make.double(depth)})`,
    () => `"<" + string(${make.any(depth)}) + ">"`,
    () => `dyn(${make.list(depth)}).map(y, "<" + string(y) + ">")`,
  ])();
}

const claims = [
  ...['sub', 'email', 'until', 'big', 'half', 'small', 'zero', 'yes', 'nothing', 'roles', 'mixed', 'csv'],
  ...['emoji', 'nested', 'list', 'none', 'a__dot__b'],
] as const;
const strings = [
  ...['"a"', '""', '"alice"', '"😀"', '"é"', '","', '"dev"', '"1"', '"true"', '" x "', '"a.b"'],
  ...['"-7"', '"007"'],
] as const;
const ints = ['0', '1', '2', '-1', '7', '100', '9223372036854775807', '-9223372036854775807'] as const;
const indices = ['0', '1', '7'] as const;
const doubles = ['0.5', '1.0', '-2.0', '1e3', '1e21', '1e-7', '123456789.0', '0.1'] as const;
const patterns = ['"^a"', '"[0-9]+"', '"(?i)ALICE"', '"^$"', '"😀"', '"."'] as const;

/** Makes expressions of a type, or now and then of any type, with parts down to a depth. */
class ExpressionMaker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  any(depth: number): string {
    const claim = this.#pick(claims);
    if (depth <= 0) {
      return this.#pick([
        ...[`claims.${claim}`, `claims["${claim}"]`, this.#pick(strings), this.#pick(ints)],
        ...[this.#pick(doubles), 'true', 'null'],
      ]);
    }
    const next = depth - 1;
    return this.#pick([
      () => `claims.${claim}`,
      () => `claims.nested.${this.#pick(['team', 'team.name', 'a__dot__b', 'none'])}`,
      () => `claims.roles[${this.#pick(indices)}]`,
      () => `claims.list[${this.#pick(indices)}][${this.#pick(indices)}]`,
      () => `claims.mixed[${this.#pick(indices)}]`,
      () => `claims.?${claim}.orValue(${this.any(next)})`,
      () => `claims.?nested.?team.name.orValue(${this.string(0)})`,
      () => `claims.roles[?${this.#pick(indices)}].orValue(${this.string(0)})`,
      () => `(${this.bool(next)} ? ${this.any(next)} : ${this.any(next)})`,
      () => `dyn(${this.#pick([this.string(next), this.int(next), this.bool(next), this.list(next)])})`,
      () => `claims.?${claim}.value()`,
      () => this.string(next),
      () => this.int(next),
    ])();
  }

  string(depth: number): string {
    if (depth <= 0) return this.#pick([...strings, 'claims.sub', 'claims.csv', 'claims.emoji']);
    const next = depth - 1;
    const one = () => this.#orAny(this.string(next));
    return this.#pick([
      () => `(${one()} + ${this.string(next)})`,
      () => `${one()}.${this.#pick(['lowerAscii', 'upperAscii'])}()`,
      () => `${one()}.substring(${this.int(next)})`,
      () => `${one()}.substring(${this.int(next)}, ${this.int(next)})`,
      () => `${one()}.replace(${one()}, ${one()})`,
      () => `${this.list(next)}.join(${one()})`,
      () => `string(${this.any(next)})`,
      () => `string(${this.double(next)})`,
      () => `(${this.bool(next)} ? ${this.string(next)} : ${this.string(next)})`,
    ])();
  }

  int(depth: number): string {
    if (depth <= 0) return this.#pick(ints);
    const next = depth - 1;
    const text = () => this.#orAny(this.string(next));
    return this.#pick([
      () => this.#pick(ints),
      () => `size(${this.#pick([this.string(next), this.list(next), this.any(next)])})`,
      () => `${text()}.indexOf(${text()})`,
      () => `${this.list(next)}.indexOf(${this.any(next)})`,
      () => `(${this.int(next)} ${this.#pick(['+', '-', '*', '/'])} ${this.int(next)})`,
      () => `int(${this.any(next)})`,
    ])();
  }

  double(depth: number): string {
    if (depth <= 0) return this.#pick([...doubles, 'claims.until', 'claims.half']);
    const one = () => this.#orAny(this.double(depth - 1));
    return `(${one()} ${this.#pick(['+', '-', '*', '/'])} ${one()})`;
  }

  list(depth: number): string {
    if (depth <= 0) return this.#pick(['claims.roles', '["a", "b"]', '[]', 'claims.list', 'claims.mixed']);
    const next = depth - 1;
    const text = () => this.#orAny(this.string(next));
    return this.#pick([
      () => `${text()}.split(${text()})`,
      () => `[${this.string(next)}, ${this.string(next)}]`,
      () => `(${this.list(next)} + ${this.list(next)})`,
      () => `dyn(${this.list(next)}).map(x, ${this.#pick([this.string(next), 'string(x)', 'x + "!"'])})`,
      () => `dyn(${this.list(next)}).filter(x, ${this.#predicate(next)})`,
      () => `dyn(${this.list(next)}).map(x, ${this.#predicate(next)}, x)`,
      () => 'dyn(claims.nested).map(x, x).filter(x, x == "team")',
    ])();
  }

  bool(depth: number): string {
    if (depth <= 0) return this.#pick(['true', 'false', 'claims.yes == true', 'claims.yes']);
    const next = depth - 1;
    const text = () => this.#orAny(this.string(next));
    return this.#pick([
      () => `(${this.any(next)} ${this.#pick(['==', '!=', '<', '<=', '>', '>='])} ${this.any(next)})`,
      () => `(${this.bool(next)} ${this.#pick(['&&', '||'])} ${this.bool(next)})`,
      () => `!(${this.bool(next)})`,
      () => `(${this.any(next)} in ${this.#pick([this.list(next), 'claims.nested'])})`,
      () => `(${this.list(next)} == ${this.list(next)})`,
      () => `has(claims.${this.#pick(claims)})`,
      () => `has(claims.${this.#pick(claims)}.${this.#pick(['team', 'none', 'a__dot__b'])})`,
      () => `${text()}.${this.#pick(['startsWith', 'endsWith', 'contains'])}(${text()})`,
      () => `${text()}.matches(${this.#pick(patterns)})`,
      () =>
        `dyn(${this.list(next)}).${this.#pick(['all', 'exists', 'exists_one'])}(x, ${this.#predicate(next)})`,
      () => `claims.?${this.#pick(claims)}.hasValue()`,
    ])();
  }

  /** About the variable x. */
  #predicate(depth: number): string {
    return this.#pick([
      ...['x == "a"', 'x != 1', 'x < 2', 'x.size() > 1', 'x in ["a", "dev"]', 'x'],
      this.bool(depth),
    ]);
  }

  #orAny(expression: string): string {
    return this.#random.chance(0.25) ? this.any(0) : expression;
  }

  #pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }
}
