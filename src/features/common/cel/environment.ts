import { Environment, Optional, type ParseResult } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../../lib/json.js';
import { type Functions, globals, members, operators } from './functions.js';
import { Input } from './input.js';
import { EvaluationError, sizeOf, spend, type Value, withinSteps } from './values.js';
import type { Variable } from './variable.js';

/**
 * Parses and checks expressions as they are written. The parser enforces how many nodes there are, and how deeply they are nested. Operators and
 * functions of the library differ from cel-go's in places, so that expressions are rewritten before they are evaluated.
 * Its functions are never called: only the types of what they take and return count.
 */
const checker = new Environment({ enableOptionalTypes: true, limits: { maxAstNodes: 2_000, maxDepth: 50 } })
  .registerFunction('string.replace(string, string): string', String)
  .registerFunction('list<A>.indexOf(A): int', BigInt);

/** Evaluates expressions that were rewritten: the names of functions begin with an underscore. */
const evaluator = checker.clone({
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 20_000, maxDepth: 250 },
});

const functions: Functions = {
  ...operators,
  ...globals,
  ...members,
  'optional(dyn, dyn): optional<dyn>': optional,
  'range(list<A>): list<A>': range,
  'range(map<K, V>): list<K>': (map: ReadonlyMap<string, Value>) => range([...map.keys()]),
};

for (const [signature, call] of Object.entries(functions)) {
  const counted = (...values: never[]) => {
    spend(values.reduce((sum, value) => sum + sizeOf(value), 1));
    return call(...values);
  };
  evaluator.registerFunction(`_${signature}`, counted);
}

/** What is selected from a value, for `.?`, `[?]` and `has()`: of a list by an index, of all else by a name (cel-go `refQualify`). */
function optional(value: Value | Optional<Value>, key: string | bigint): Optional {
  const from = value instanceof Optional ? value.orValue(undefined) : value;
  if (from instanceof Map) return Optional.of(from.get(key));
  if (!Array.isArray(from)) return Optional.none();
  if (typeof key === 'string') throw new EvaluationError('the index of a list is no whole number');
  return Optional.of(from[Number(key)]);
}

/**
 * What a comprehension goes through: the elements of a list, or the keys of a map. The library reads them where nothing ignores an error, so that
 * the loops around end too when no step is left.
 */
function range(items: readonly Value[]): readonly Value[] {
  return new Proxy(items, {
    get(list, property) {
      spend(1);
      return Reflect.get(list, property);
    },
  });
}

/** Expressions about one variable. */
export class VariableEnvironment {
  readonly #input: Input;
  readonly #checker: Environment;
  readonly #evaluator: Environment;

  constructor(variable: Variable) {
    this.#input = new Input(variable);
    this.#checker = this.#input.declare(checker);
    this.#evaluator = this.#input.declare(evaluator);
  }

  /** Throws an error of the library. */
  parse(text: string): ParseResult {
    return this.#checker.parse(text);
  }

  /** Prepares a rewritten expression. Throws an error of the library if its types do not agree; the evaluation throws any error. */
  prepare(rewritten: string): (input: JsonObject) => unknown {
    const evaluate = this.#evaluator.parse(rewritten);
    const { error } = evaluate.check();
    if (error !== undefined) throw error;
    return input => withinSteps(() => evaluate(this.#input.of(input)));
  }
}
