import { type Compiled, type Evaluation, noOverload, step, unsupported } from './evaluation.js';
import { bool, type CelType, dyn, join, optionalOf } from './types.js';
import { EvaluationError, Optional } from './values.js';

/** `optional.of(e)` and `optional.none()`. */
export function ofOptional(name: string, args: readonly Compiled[]): Compiled {
  const [value] = args;
  if (name === 'none' && value === undefined) return { type: optionalOf(dyn), evaluate: () => Optional.none };
  if (name !== 'of' || value === undefined || args.length > 1) throw unsupported(`optional.${name}`);
  return {
    type: optionalOf(value.type),
    evaluate: step(evaluation => new Optional(value.evaluate(evaluation))),
  };
}

/** The member functions of an optional. The argument is evaluated only if there is no value. */
export function optionalMember(
  name: string,
  from: Compiled,
  of: CelType,
  args: readonly Compiled[],
): Compiled {
  const [other] = args;
  const valueIn = (evaluation: Evaluation) => (from.evaluate(evaluation) as Optional).value;
  if (other === undefined) {
    if (name === 'hasValue') return { type: bool, evaluate: step(one => valueIn(one) !== undefined) };
    if (name !== 'value') throw unsupported(name);
    return {
      type: of,
      evaluate: step(evaluation => {
        const value = valueIn(evaluation);
        if (value === undefined) throw new EvaluationError('the optional has no value');
        return value;
      }),
    };
  }
  if ((name !== 'or' && name !== 'orValue') || args.length > 1) throw unsupported(name);
  const type = join(name === 'or' ? optionalOf(of) : of, other.type);
  if (type === undefined) throw noOverload(name, [from, other]);
  return {
    type,
    evaluate: step(evaluation => {
      const value = valueIn(evaluation);
      if (value === undefined) return other.evaluate(evaluation);
      return name === 'or' ? new Optional(value) : value;
    }),
  };
}
