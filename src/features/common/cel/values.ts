import { isObject } from '../../../lib/json.js';

/** A value of an expression: a bigint is an int, and a number is a double, as the numbers of JSON are. */
export type Value = string | bigint | number | boolean | null | readonly Value[] | ReadonlyMap<string, Value>;

/** The evaluation failed. `&&`, `||`, `all` and `exists` may ignore it, as in cel-go. */
export class EvaluationError extends Error {}

/** What an evaluation may take: a step for each call and element, and for ten characters that are read or made. */
const mostSteps = 100_000;

/** What is left for the evaluation that runs. There is one at a time, as it runs to its end at once. */
let stepsLeft = 0;

/** Evaluates something. Throws an EvaluationError if it takes too many steps, even if an operator ignored that. */
export function withinSteps<T>(evaluate: () => T): T {
  stepsLeft = mostSteps;
  try {
    return evaluate();
  } finally {
    spend(0);
  }
}

/** Throws an EvaluationError if there are not so many steps left. */
export function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new EvaluationError('it takes too many steps, or a value has too many levels');
}

/** The steps that it takes to read a value: cel-go, too, counts a tenth of the length of a string. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return Math.ceil(value.length / 10);
  return Array.isArray(value) ? value.length : 0;
}

/** How many levels a value may have. The library keeps a type for each shape of nested lists and maps that it has seen. */
const mostLevels = 8;

/**
 * A value of JSON. Half of a surrogate pair is U+FFFD, as in Go, so that two strings cannot make one letter of two halves. Throws an
 * EvaluationError for a number that is too large for a double, which Go does not read.
 */
export function toValue(json: unknown, levels = mostLevels): Value {
  if (levels < 0) spend(Infinity);
  if (typeof json === 'string') return json.toWellFormed();
  if (json === Infinity || json === -Infinity) throw new EvaluationError('a number is too large');
  if (Array.isArray(json)) return json.map(item => toValue(item, levels - 1));
  if (!isObject(json)) return json as Value;
  return new Map(
    Object.entries(json).map(([name, value]) => [name.toWellFormed(), toValue(value, levels - 1)]),
  );
}

/** Whether two values are equal; values of different kinds are not, but for numbers. Throws an EvaluationError for what cannot be compared. */
export function areEqual(one: Value, other: Value): boolean {
  spend(1 + sizeOf(one));
  if (isNumber(one) && isNumber(other)) {
    return typeof one === typeof other ? one === other : Number(one) === Number(other);
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => areEqual(item, other[index] as Value));
  }
  if (!(one instanceof Map && other instanceof Map)) return one === other;
  // The API server looks these names up unescaped in one map and escaped in the other.
  if ([...one.keys(), ...other.keys()].some(key => key.includes('__'))) {
    throw new EvaluationError('maps whose keys have __ in them cannot be compared');
  }
  return (
    one.size === other.size && [...one].every(([key, value]) => areEqual(value, other.get(key) as Value))
  );
}

function isNumber(value: Value): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Whether a value is before another one. Strings are compared by code points, and an int becomes a double beside one, as in cel-go. */
export function isLess(one: Value, other: Value): boolean {
  if (typeof one === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(other as string)) < 0;
  if (Number.isNaN(one) || Number.isNaN(other)) throw new EvaluationError('NaN has no order');
  if (typeof one === typeof other) return (one as number) < (other as number);
  return Number(one) < Number(other);
}

/** A double as Go's `%g` writes it: with an exponent from a million on, or from the fifth place behind the point. */
export function formatDouble(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/(?<=[+-])\d$/, '0$&');
}
