import { bool, type CelType, double, dyn, int, listOf, mapOf, string } from './types.js';
import { areEqual, CostError, compare, EvaluationError, formatDouble, keysOf, type Value } from './values.js';

/** One form of a function or an operator. The receiver is the first parameter of a member function. */
export interface Overload {
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  readonly call: (...values: never[]) => Value;
}

type Definitions = Readonly<Record<string, readonly Overload[]>>;

function overload<Values extends readonly Value[]>(
  parameters: readonly CelType[],
  result: CelType,
  call: (...values: Values) => Value,
): Overload {
  return { parameters, result, call: call as unknown as Overload['call'] };
}

const dynMap = mapOf(dyn, dyn);
const dynList = listOf(dyn);

const sizes = [
  overload([string], int, (text: string) => BigInt(runes(text).length)),
  overload([dynList], int, (list: readonly Value[]) => BigInt(list.length)),
  overload([dynMap], int, (map: Parameters<typeof keysOf>[0]) => BigInt(keysOf(map).length)),
];

const truths: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** The functions that are not members of a value. */
export const functions: Definitions = {
  size: sizes,
  dyn: [overload([dyn], dyn, (value: Value) => value)],
  string: [
    overload([string], string, (text: string) => text),
    overload([bool], string, (value: boolean) => String(value)),
    overload([int], string, (value: bigint) => String(value)),
    overload([double], string, formatDouble),
  ],
  int: [
    overload([int], int, (value: bigint) => value),
    overload([double], int, (value: number) => {
      if (!(Math.abs(value) < 2 ** 63)) throw new EvaluationError('the double is no int');
      return BigInt(Math.trunc(value));
    }),
    overload([string], int, (text: string) => {
      if (!/^[+-]?\d+$/.test(text)) throw new EvaluationError('the string is no int');
      return checked(BigInt(text.replace(/^\+/, '')));
    }),
  ],
  double: [
    overload([double], double, (value: number) => value),
    overload([int], double, (value: bigint) => Number(value)),
  ],
  bool: [
    overload([bool], bool, (value: boolean) => value),
    overload([string], bool, (text: string) => {
      if (truths.has(text)) return true;
      if (falsehoods.has(text)) return false;
      throw new EvaluationError('the string is no bool');
    }),
  ],
};

/** The member functions. Positions in strings count code points (cel-go `ext/strings.go`, version 2). */
export const members: Definitions = {
  size: sizes,
  startsWith: [overload([string, string], bool, (text: string, start: string) => text.startsWith(start))],
  endsWith: [overload([string, string], bool, (text: string, end: string) => text.endsWith(end))],
  contains: [overload([string, string], bool, (text: string, part: string) => text.includes(part))],
  charAt: [
    overload([string, int], string, (text: string, index: bigint) => {
      const all = runes(text);
      return all[position(index, all.length)] ?? '';
    }),
  ],
  indexOf: [
    overload([string, string], int, (text: string, part: string) => find(text, part, 0n)),
    overload([string, string, int], int, find),
    overload([dynList, dyn], int, (list: readonly Value[], item: Value) =>
      BigInt(list.findIndex(other => areEqual(other, item))),
    ),
  ],
  lastIndexOf: [
    overload([string, string], int, (text: string, part: string) => {
      const index = text.lastIndexOf(part);
      return BigInt(index < 0 ? -1 : runes(text.slice(0, index)).length);
    }),
    overload([dynList, dyn], int, (list: readonly Value[], item: Value) =>
      BigInt(list.findLastIndex(other => areEqual(other, item))),
    ),
  ],
  lowerAscii: [
    overload([string], string, (text: string) => text.replace(/[A-Z]+/g, part => part.toLowerCase())),
  ],
  upperAscii: [
    overload([string], string, (text: string) => text.replace(/[a-z]+/g, part => part.toUpperCase())),
  ],
  replace: [
    overload([string, string, string], string, (text: string, part: string, other: string) => {
      return joined(part === '' ? ['', ...runes(text), ''] : text.split(part), other);
    }),
  ],
  split: [
    overload([string, string], listOf(string), split),
    overload([string, string, int], listOf(string), (text: string, separator: string, limit: bigint) => {
      const parts = split(text, separator);
      const most = Number(limit);
      if (most < 0 || parts.length <= most) return parts;
      const first = parts.slice(0, Math.max(most - 1, 0));
      return asSplit(most === 0 ? [] : [...first, parts.slice(most - 1).join(separator)]);
    }),
  ],
  substring: [
    overload([string, int], string, (text: string, start: bigint) => {
      const all = runes(text);
      return all.slice(position(start, all.length)).join('');
    }),
    overload([string, int, int], string, (text: string, start: bigint, end: bigint) => {
      const all = runes(text);
      const from = position(start, all.length);
      const to = position(end, all.length);
      if (from > to) throw new EvaluationError('the end of the substring is before its start');
      return all.slice(from, to).join('');
    }),
  ],
  trim: [
    overload([string], string, (text: string) => {
      let [start, end] = [0, text.length];
      while (start < end && isSpace.test(text.charAt(start))) start++;
      while (start < end && isSpace.test(text.charAt(end - 1))) end--;
      return text.slice(start, end);
    }),
  ],
  join: [
    overload([listOf(string)], string, (list: readonly Value[]) => joined(texts(list), '')),
    overload([listOf(string), string], string, (list: readonly Value[], separator: string) =>
      joined(texts(list), separator),
    ),
  ],
};

const isLess = (holds: (order: number) => boolean): readonly Overload[] =>
  [
    [bool, bool],
    [string, string],
    ...[int, double].flatMap(one => [
      [one, int],
      [one, double],
    ]),
  ].map(parameters => overload(parameters, bool, (one: Value, other: Value) => holds(compare(one, other))));

const arithmetic = (
  ofInts: (one: bigint, other: bigint) => bigint,
  ofDoubles: (one: number, other: number) => number,
): readonly Overload[] => [
  overload([int, int], int, (one: bigint, other: bigint) => checked(ofInts(one, other))),
  overload([double, double], double, ofDoubles),
];

/** The operators that evaluate all their operands; `-_` is a sign. */
export const operators: Definitions = {
  '!_': [overload([bool], bool, (value: boolean) => !value)],
  '-_': [
    overload([int], int, (value: bigint) => checked(-value)),
    overload([double], double, (value: number) => -value),
  ],
  '<': isLess(order => order < 0),
  '<=': isLess(order => order <= 0),
  '>': isLess(order => order > 0),
  '>=': isLess(order => order >= 0),
  '+': [
    ...arithmetic(
      (one, other) => one + other,
      (one, other) => one + other,
    ),
    overload([string, string], string, (one: string, other: string) => one + other),
    overload([dynList, dynList], dynList, (one: readonly Value[], other: readonly Value[]) => {
      if (one.length === 0) return other;
      return other.length === 0 ? one : [...one, ...other];
    }),
  ],
  '-': arithmetic(
    (one, other) => one - other,
    (one, other) => one - other,
  ),
  '*': arithmetic(
    (one, other) => one * other,
    (one, other) => one * other,
  ),
  '/': arithmetic(
    (one, other) => one / divisor(other),
    (one, other) => one / other,
  ),
  '%': [overload([int, int], int, (one: bigint, other: bigint) => one % divisor(other))],
  in: [
    overload([dyn, dynList], bool, (item: Value, list: readonly Value[]) =>
      list.some(other => areEqual(item, other)),
    ),
    overload([dyn, dynMap], bool, (key: Value, map: Parameters<typeof keysOf>[0]) => {
      return typeof key === 'string' && (map instanceof Map ? map.has(key) : Object.hasOwn(map, key));
    }),
  ],
};

const splits = new WeakSet<object>();

/** Whether a list is what `split` returned. The API server takes no such list for groups or extra values (convertCELValueToStringList). */
export function isSplit(list: readonly Value[]): boolean {
  return splits.has(list);
}

function asSplit(list: readonly string[]): readonly string[] {
  splits.add(list);
  return list;
}

function split(text: string, separator: string): readonly string[] {
  return asSplit(separator === '' ? runes(text) : text.split(separator));
}

function runes(text: string): string[] {
  return Array.from(text);
}

/** An index that is not behind the end. */
function position(index: bigint, length: number): number {
  if (index < 0n || index > length) throw new EvaluationError('the index is out of range');
  return Number(index);
}

function find(text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset;
  if (offset < 0n) throw new EvaluationError('the index is out of range');
  const before = runes(text).slice(0, Number(offset)).join('');
  const index = text.indexOf(part, before.length);
  return index < 0 ? -1n : BigInt(runes(text.slice(0, index)).length);
}

function texts(list: readonly Value[]): readonly string[] {
  if (list.some(item => typeof item !== 'string')) throw new EvaluationError('join needs strings');
  return list as readonly string[];
}

/** The longest string that a function makes of shorter ones, in characters. */
const longest = 1_000_000;

function joined(parts: readonly string[], separator: string): string {
  const length = parts.reduce((sum, part) => sum + part.length, separator.length * parts.length);
  if (length > longest) throw new CostError('a string becomes too long');
  return parts.join(separator);
}

function checked(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new EvaluationError('the int is too large');
  return value;
}

function divisor(value: bigint): bigint {
  if (value === 0n) throw new EvaluationError('division by zero');
  return value;
}

/** Unicode's White_Space, as in Go's `strings.TrimSpace`. */
const isSpace = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
