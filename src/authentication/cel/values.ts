import { isObject, type JsonObject } from '../../lib/json.js';
import type { CelType } from './types.js';

/**
 * A value of an expression: a bigint is an int, and a number is a double, as the numbers of a token are. A `Map` is a map that the
 * expression made, a plain object one of the token.
 */
export type Value =
  | string
  | bigint
  | number
  | boolean
  | null
  | Optional
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | JsonObject;

/** The evaluation failed: the token is refused. `&&`, `||`, `all` and `exists` may ignore it, as in cel-go. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** The evaluation would take too long. Unlike an EvaluationError, no operator may ignore it. */
export class CostError extends Error {
  override readonly name = 'CostError';
}

/** A value that may be missing (`optional_type`). */
export class Optional {
  static readonly none = new Optional(undefined);

  constructor(readonly value: Value | undefined) {}
}

/** Whether a value has this type. The elements of a list and of a map are not compared. */
export function isOf(type: CelType, value: Value): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'any':
      return true;
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'list':
      return Array.isArray(value);
    case 'map':
      return isMap(value);
    default:
      return false;
  }
}

export function isMap(value: Value): value is JsonObject | ReadonlyMap<string, Value> {
  return isObject(value) && !(value instanceof Optional);
}

/** The keys of a map. */
export function keysOf(map: JsonObject | ReadonlyMap<string, Value>): readonly string[] {
  return map instanceof Map ? [...map.keys()] : Object.keys(map);
}

/**
 * The element of a list, or the value of a map; undefined if there is none. Any other value has no elements. Throws an EvaluationError if a
 * list cannot have such an index (cel-go `refQualify`).
 */
export function elementOf(value: Value, key: Value): Value | undefined {
  if (Array.isArray(value)) return value[indexOf(key)] as Value | undefined;
  if (!isMap(value) || typeof key !== 'string') return undefined;
  if (value instanceof Map) return value.get(key);
  return ownValue(value as JsonObject, unescapeName(key) ?? key);
}

/** The value of a claim. Names are unescaped always, so that a name with an unknown escape sequence is no claim. */
export function claimOf(claims: JsonObject, key: Value): Value | undefined {
  const name = typeof key === 'string' ? unescapeName(key) : undefined;
  return name === undefined ? undefined : ownValue(claims, name);
}

function ownValue(object: JsonObject, name: string): Value | undefined {
  const value = Object.hasOwn(object, name) ? (object[name] as Value) : undefined;
  // Go reads no number that is too large for a double.
  if (value === Infinity || value === -Infinity) throw new EvaluationError('a number is too large');
  return value;
}

function indexOf(key: Value): number {
  if (typeof key === 'bigint') return Number(key);
  if (typeof key === 'number' && Number.isInteger(key)) return key;
  throw new EvaluationError('the index of a list is no whole number');
}

/** Words that an identifier of CEL cannot be, and that Kubernetes therefore escapes (k8s.io/apiserver `pkg/cel/escaping.go`). */
const reserved: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);

const escapes: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

/** The name that an identifier stands for: `a__dot__b` is `a.b`. Undefined if it has an escape sequence that does not exist. */
function unescapeName(escaped: string): string | undefined {
  let isValid = true;
  const name = escaped.replace(/__([^_]+)__/g, (sequence, word: string) => {
    const known = Object.hasOwn(escapes, word) ? escapes[word] : undefined;
    if (known === undefined && !(reserved.has(word) && sequence.length === escaped.length)) isValid = false;
    return known ?? word;
  });
  return isValid ? name : undefined;
}

/** The steps that it takes to read a value, with all that is in it: a tenth of the length of a string, as in cel-go. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return Math.ceil(value.length / 10);
  let size = 1;
  if (Array.isArray(value)) for (const item of value as readonly Value[]) size += sizeOf(item);
  else if (isMap(value)) for (const key of keysOf(value)) size += sizeOf(elementOf(value, key) ?? null);
  return size;
}

/** Whether two values are equal; values of different kinds are not, but for numbers. Throws an EvaluationError for what cannot be compared. */
export function areEqual(one: Value, other: Value): boolean {
  if (isNumber(one) && isNumber(other)) return compareNumbers(one, other) === 0;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => areEqual(item, other[index] as Value));
  }
  if (one instanceof Optional || other instanceof Optional) {
    throw new EvaluationError('an optional value cannot be compared');
  }
  if (!isMap(one) || !isMap(other)) return one === other;
  const keys = keysOf(one);
  // The API server looks these names up unescaped in one map and escaped in the other.
  if ([...keys, ...keysOf(other)].some(key => key.includes('__'))) {
    throw new EvaluationError('maps whose keys have __ in them cannot be compared');
  }
  if (keys.length !== keysOf(other).length) return false;
  return keys.every(key => {
    const value = elementOf(other, key);
    return value !== undefined && areEqual(elementOf(one, key) as Value, value);
  });
}

/** Negative, 0 or positive. Strings are compared by code points. Throws an EvaluationError if there is no order. */
export function compare(one: Value, other: Value): number {
  if (isNumber(one) && isNumber(other)) return compareNumbers(one, other);
  if (typeof one === 'string' && typeof other === 'string') return Buffer.compare(bytes(one), bytes(other));
  if (typeof one === 'boolean' && typeof other === 'boolean') return Number(one) - Number(other);
  throw new EvaluationError('the values have no order');
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function isNumber(value: Value): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** As in cel-go, an int becomes a double where it is compared with one. */
function compareNumbers(one: bigint | number, other: bigint | number): number {
  if (typeof one === 'bigint' && typeof other === 'bigint') return one < other ? -1 : Number(one > other);
  return Math.sign(Number(one) - Number(other));
}

/** A double as Go's `%g` writes it: with an exponent from a million on, or from the fifth place behind the point. */
export function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return Object.is(value, -0) ? '-0' : String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
