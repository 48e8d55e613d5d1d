import type { ASTNode } from '@marcbachmann/cel-js';
import {
  type Compiled,
  ExpressionError,
  type Local,
  needBool,
  spend,
  step,
  unsupported,
} from './evaluation.js';
import { bool, type CelType, describe, dyn, listOf, mapOf } from './types.js';
import { EvaluationError, isMap, keysOf, type Value } from './values.js';

/** How deeply comprehensions (`all`, `exists`, `map`, …) may be nested. */
const mostNested = 3;

/** All elements have one type: the API server's validators accept no other lists (`ValidateHomogeneousAggregateLiterals`). */
function sameType(items: readonly Compiled[]): CelType {
  const [first, ...others] = items.map(({ type }) => describe(type));
  if (others.some(other => other !== first)) {
    throw new ExpressionError('the elements of a list or map have different types');
  }
  return items[0]?.type ?? dyn;
}

export function list(items: readonly Compiled[]): Compiled {
  return {
    type: listOf(sameType(items)),
    evaluate: step(evaluation => items.map(({ evaluate }) => evaluate(evaluation))),
  };
}

export function map(entries: readonly (readonly [Compiled, Compiled])[]): Compiled {
  const keys = entries.map(([key]) => key);
  if (keys.some(({ type }) => type.kind !== 'string')) {
    throw new ExpressionError('a map whose keys are no strings is not supported');
  }
  return {
    type: mapOf(sameType(keys), sameType(entries.map(([, value]) => value))),
    evaluate: step(evaluation => {
      const made = new Map<string, Value>();
      for (const [key, value] of entries) {
        const name = key.evaluate(evaluation) as string;
        if (made.has(name)) throw new EvaluationError('a map has a key twice');
        made.set(name, value.evaluate(evaluation));
      }
      return made;
    }),
  };
}

/**
 * Whether all items are the opposite of `deciding`. An item that decides makes the errors of others irrelevant; otherwise the first error is
 * thrown.
 */
export function quantify<T>(deciding: boolean, items: Iterable<T>, holds: (item: T) => Value): boolean {
  let failure: EvaluationError | undefined;
  for (const item of items) {
    try {
      const value = holds(item);
      if (value === deciding) return deciding;
      if (value !== !deciding) failure ??= new EvaluationError('an operand is no bool');
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !deciding;
}

/** The macros that go through the elements of a list, or the keys of a map. */
const comprehensions = {
  all: (items: readonly Value[], holds: Predicate) => quantify(false, items, holds),
  exists: (items: readonly Value[], holds: Predicate) => quantify(true, items, holds),
  exists_one: (items: readonly Value[], holds: Predicate) => items.filter(strict(holds)).length === 1,
  filter: (items: readonly Value[], holds: Predicate) => items.filter(strict(holds)),
  map: (items: readonly Value[], made: Predicate) => items.map(made),
} as const;

type ComprehensionName = keyof typeof comprehensions;

/** Whether a member call with this name, and a variable as its first argument, is a comprehension. */
export function isComprehension(name: string): name is ComprehensionName {
  return Object.hasOwn(comprehensions, name);
}

type Predicate = (item: Value) => Value;

function strict(holds: Predicate): (item: Value) => boolean {
  return item => {
    const value = holds(item);
    if (typeof value !== 'boolean') throw new EvaluationError('a predicate is no bool');
    return value;
  };
}

/**
 * Goes through the elements of a range. `compile` compiles a part of the body with one more local variable.
 *
 * @param locals The number of local variables around.
 */
export function comprehension(
  name: ComprehensionName,
  range: Compiled,
  item: string,
  body: readonly ASTNode[],
  {
    locals,
    compile,
  }: { readonly locals: number; readonly compile: (node: ASTNode, local: Local) => Compiled },
): Compiled {
  if (body.length > (name === 'map' ? 2 : 1))
    throw unsupported(`${name}() with ${body.length + 1} arguments`);
  if (locals >= mostNested) throw new ExpressionError(`more than ${mostNested} comprehensions are nested`);
  const of = range.type.kind === 'map' ? range.type.key : range.type.kind === 'list' ? range.type.of : dyn;
  if (!['map', 'list', 'dyn'].includes(range.type.kind)) {
    throw new ExpressionError(
      `${describe(range.type)} cannot be the range of ${name}()${range.type.kind === 'any' ? '; write dyn(…) around it' : ''}`,
    );
  }
  const parts = body.map(node => compile(node, { name: item, type: of }));
  const last = parts.at(-1) as Compiled;
  const condition = parts.length > 1 ? parts[0] : undefined;
  if (name !== 'map') needBool(last);
  if (condition !== undefined) needBool(condition);
  const types = { map: listOf(last.type), filter: listOf(of) } as const;
  return {
    type: types[name as keyof typeof types] ?? bool,
    evaluate: step(evaluation => {
      const value = range.evaluate(evaluation);
      const items = Array.isArray(value)
        ? (value as readonly Value[])
        : isMap(value)
          ? keysOf(value)
          : undefined;
      if (items === undefined) throw new EvaluationError('a comprehension needs a list or a map');
      const run =
        ({ evaluate }: Compiled): Predicate =>
        element => {
          spend(evaluation, 1);
          evaluation.locals[locals] = element;
          return evaluate(evaluation);
        };
      const chosen = condition === undefined ? items : comprehensions.filter(items, run(condition));
      return comprehensions[name](chosen, run(last));
    }),
  };
}
