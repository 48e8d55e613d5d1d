import { compileRe2 } from '../../../lib/re2.js';
import { areEqual, EvaluationError, formatDouble, isLess, spend, type Value } from './values.js';

/** A function by its signature. The receiver is the first parameter of a member function. */
export type Functions = Readonly<Record<string, (...values: never[]) => unknown>>;

/** The operators that the library does not evaluate exactly as cel-go. */
export const operators: Functions = {
  'equal(dyn, dyn): bool': areEqual,
  ...Object.fromEntries(
    ['bool, bool', 'string, string', 'int, int', 'int, double', 'double, int', 'double, double'].map(
      types => [`less(${types}): bool`, isLess],
    ),
  ),
  'add(int, int): dyn': (one: bigint, other: bigint) => checked(one + other),
  'add(double, double): dyn': (one: number, other: number) => one + other,
  'add(string, string): dyn': (one: string, other: string) => one + other,
  'add(list, list): dyn': (one: readonly Value[], other: readonly Value[]) => {
    if (one.length === 0) return other;
    return other.length === 0 ? one : [...one, ...other];
  },
  'subtract(int, int): dyn': (one: bigint, other: bigint) => checked(one - other),
  'subtract(double, double): dyn': (one: number, other: number) => one - other,
  'multiply(int, int): dyn': (one: bigint, other: bigint) => checked(one * other),
  'multiply(double, double): dyn': (one: number, other: number) => one * other,
  'divide(int, int): dyn': (one: bigint, other: bigint) => {
    if (other === 0n) throw new EvaluationError('division by zero');
    return checked(one / other);
  },
  'divide(double, double): dyn': (one: number, other: number) => one / other,
  'in(dyn, list): bool': (item: Value, list: readonly Value[]) => list.some(other => areEqual(item, other)),
  'in(dyn, map): bool': (key: Value, map: ReadonlyMap<Value, Value>) => map.has(key),
};

/** The functions that are not members of a value. */
export const globals: Functions = {
  'size(string): int': (text: string) => BigInt(runes(text).length),
  'size(list): int': (list: readonly Value[]) => BigInt(list.length),
  'size(map): int': (map: ReadonlyMap<string, Value>) => BigInt(map.size),
  'dyn(dyn): dyn': (value: Value) => value,
  'string(string): string': (text: string) => text,
  'string(bool): string': String,
  'string(int): string': String,
  'string(double): string': formatDouble,
  'int(int): int': (value: bigint) => value,
  'int(double): int': (value: number) => {
    if (!(Math.abs(value) < 2 ** 63)) throw new EvaluationError('the double is no int');
    return BigInt(Math.trunc(value));
  },
  'int(string): int': (text: string) => {
    if (!/^[+-]?\d+$/.test(text)) throw new EvaluationError('the string is no int');
    return checked(BigInt(text));
  },
};

const splits = new WeakSet<object>();

/** The member functions. Positions in strings count code points (cel-go `ext/strings.go`, version 2). `size` is one besides. */
export const members: Functions = {
  'startsWith(string, string): bool': (text: string, start: string) => text.startsWith(start),
  'endsWith(string, string): bool': (text: string, end: string) => text.endsWith(end),
  'contains(string, string): bool': (text: string, part: string) => text.includes(part),
  'matches(string, string): bool': (text: string, pattern: string) => regularExpression(pattern).test(text),
  'indexOf(string, string): int': (text: string, part: string) => {
    const index = text.indexOf(part);
    return BigInt(index < 0 ? -1 : runes(text.slice(0, index)).length);
  },
  'indexOf(list, dyn): int': (list: readonly Value[], item: Value) =>
    BigInt(list.findIndex(other => areEqual(other, item))),
  'lowerAscii(string): string': (text: string) => text.replace(/[A-Z]/g, letter => letter.toLowerCase()),
  'upperAscii(string): string': (text: string) => text.replace(/[a-z]/g, letter => letter.toUpperCase()),
  'replace(string, string, string): string': (text: string, part: string, other: string) =>
    join(part === '' ? ['', ...runes(text), ''] : text.split(part), other),
  'split(string, string): list<string>': (text: string, separator: string) => {
    const list = separator === '' ? runes(text) : text.split(separator);
    splits.add(list);
    return list;
  },
  'substring(string, int): string': substring,
  'substring(string, int, int): string': substring,
  'join(list): string': (list: readonly Value[]) => join(list, ''),
  'join(list, string): string': join,
};

/** Whether a list is what `split` returned. The API server takes no such list for groups or extra values (convertCELValueToStringList). */
export function isSplit(list: readonly unknown[]): boolean {
  return splits.has(list);
}

const expressions = new Map<string, ReturnType<typeof compileRe2>>();

/** A regular expression of a CEL expression. Throws an error if it is none. It stays in memory, so no pattern may come from a value. */
export function regularExpression(pattern: string): ReturnType<typeof compileRe2> {
  const compiled = expressions.get(pattern) ?? compileRe2(pattern);
  expressions.set(pattern, compiled);
  return compiled;
}

function runes(text: string): string[] {
  return Array.from(text);
}

function substring(text: string, start: bigint, end?: bigint): string {
  const all = runes(text);
  const to = end ?? BigInt(all.length);
  if (start < 0n || start > to || to > all.length) throw new EvaluationError('the index is out of range');
  return all.slice(Number(start), Number(to)).join('');
}

function join(list: readonly Value[], separator: string): string {
  let length = separator.length * list.length;
  for (const item of list) {
    if (typeof item !== 'string') throw new EvaluationError('join needs strings');
    length += item.length;
  }
  spend(length / 10);
  return list.join(separator);
}

function checked(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new EvaluationError('the int is too large');
  return value;
}
