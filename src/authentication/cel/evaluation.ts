import type { ASTNode } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../lib/json.js';
import type { Overload } from './functions.js';
import { bool, type CelType, describe, dyn, join } from './types.js';
import { CostError, EvaluationError, isOf, sizeOf, type Value } from './values.js';

/** A variable of an expression: `claims` of a token, or the `user` that they were mapped to. */
export type Variable = 'claims' | 'user';

/** Why an expression cannot be used. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** One evaluation: the value of the variable, those of the comprehensions around, and how many steps are left. */
export interface Evaluation {
  readonly input: JsonObject;
  readonly locals: Value[];
  steps: number;
}

/** A part of an expression, with its type. `evaluate` throws an EvaluationError or a CostError. */
export interface Compiled {
  readonly type: CelType;
  /** Whether the value is a literal, or a literal converted to another type. */
  readonly isConstant?: true;
  readonly evaluate: (evaluation: Evaluation) => Value;
}

export interface Local {
  readonly name: string;
  readonly type: CelType;
}

/** Compiles a part of an expression that stands in the same place. */
export type Sub = (node: ASTNode) => Compiled;

/**
 * A call of one of several forms. Which one it is may depend on the values. Throws an ExpressionError if the types fit none of them.
 */
export function apply(
  definitions: Readonly<Record<string, readonly Overload[]>>,
  name: string,
  args: readonly Compiled[],
): Compiled {
  const known = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  if (known === undefined) throw unsupported(name);
  const fitting = known.filter(
    ({ parameters }) =>
      parameters.length === args.length &&
      parameters.every((type, index) => join(type, (args[index] as Compiled).type) !== undefined),
  );
  const [first] = fitting;
  if (first === undefined) throw noOverload(name, args);
  const isSure = fitting.every(({ result }) => describe(result) === describe(first.result));
  return {
    type: isSure ? first.result : dyn,
    evaluate: step(evaluation => {
      const values = args.map(({ evaluate }) => evaluate(evaluation));
      spend(
        evaluation,
        values.map(sizeOf).reduce((sum, size) => sum + size, 0),
      );
      const chosen = fitting.find(({ parameters }) =>
        parameters.every((type, index) => isOf(type, values[index] as Value)),
      );
      if (chosen === undefined) throw new EvaluationError(`no such overload of ${name}`);
      return chosen.call(...(values as never[]));
    }),
  };
}

/** Throws an ExpressionError if the type can have no bool. */
export function needBool({ type }: Compiled): void {
  if (join(type, bool) === undefined) throw new ExpressionError(`expected a bool, found ${describe(type)}`);
}

/** Counts each evaluation as one step. */
export function step(evaluate: Compiled['evaluate']): Compiled['evaluate'] {
  return evaluation => {
    spend(evaluation, 1);
    return evaluate(evaluation);
  };
}

/** Throws a CostError if there are not so many steps left. */
export function spend(evaluation: Evaluation, steps: number): void {
  evaluation.steps -= steps;
  if (evaluation.steps < 0) throw new CostError('the evaluation takes too many steps');
}

/** The expression has something that is evaluated nowhere here. */
export function unsupported(name: string): ExpressionError {
  return new ExpressionError(`${name} is not supported`);
}

/** The types do not agree. */
export function noOverload(name: string, args: readonly Compiled[]): ExpressionError {
  return new ExpressionError(
    `found no matching overload for ${name} applied to (${args.map(({ type }) => describe(type)).join(', ')})`,
  );
}
