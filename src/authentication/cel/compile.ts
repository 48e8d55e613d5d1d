import type { ASTNode } from '@marcbachmann/cel-js';
import { compileRe2 } from '../../lib/re2.js';
import { access, has } from './access.js';
import { comprehension, isComprehension, list, map, quantify } from './collections.js';
import {
  apply,
  type Compiled,
  ExpressionError,
  type Local,
  needBool,
  noOverload,
  type Sub,
  spend,
  step,
  type Variable,
} from './evaluation.js';
import { functions, members, operators } from './functions.js';
import { ofOptional, optionalMember } from './optional.js';
import { bool, double, dyn, int, join, string } from './types.js';
import { areEqual, EvaluationError, sizeOf, type Value } from './values.js';

/**
 * Compiles a syntax tree for one variable. Only what is evaluated exactly as cel-go does it, in the environment that the API server has for
 * authentication (k8s.io/apiserver `pkg/cel/environment` and `pkg/authentication/cel`), is accepted. Throws an ExpressionError for the rest,
 * and for types that do not agree.
 */
export function compile(node: ASTNode, variable: Variable, locals: readonly Local[] = []): Compiled {
  const sub = (inner: ASTNode) => compile(inner, variable, locals);
  switch (node.op) {
    case 'value':
      return literal(node);
    case 'id':
      return local(node.args, variable, locals);
    case '.':
    case '.?':
    case '[]':
    case '[?]':
      return access(node, variable, sub);
    case 'list':
      return list(node.args.map(sub));
    case 'map':
      return map(node.args.map(([key, value]) => [sub(key), sub(value)]));
    case '?:':
      return conditional(node.args.map(sub) as [Compiled, Compiled, Compiled]);
    case '&&':
    case '||':
      return logical(node.op === '||', node.args.map(sub) as [Compiled, Compiled]);
    case '==':
    case '!=':
      return equality(node, node.args.map(sub) as [Compiled, Compiled]);
    case 'call':
      return node.args[0] === 'has' ? has(node.args[1], variable, sub) : call(...node.args, sub);
    case 'rcall':
      return member(node.args, variable, locals);
    case '!_':
      return apply(operators, node.op, [sub(node.args)]);
    case '-_':
      return {
        ...apply(operators, node.op, [sub(node.args)]),
        ...(node.args.op === 'value' && { isConstant: true }),
      };
    case 'in':
      return isIn(node.args.map(sub) as [Compiled, Compiled]);
    case '+':
      return sum(node.args.map(sub) as [Compiled, Compiled]);
    default:
      return apply(operators, node.op, node.args.map(sub));
  }
}

function literal({ args: value }: Extract<ASTNode, { op: 'value' }>): Compiled {
  const types = { string, bigint: int, number: double, boolean: bool } as const;
  const type = types[typeof value as keyof typeof types] ?? (value === null ? { kind: 'null' } : undefined);
  if (type === undefined) throw new ExpressionError('bytes and unsigned integers are not supported');
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) {
    throw new ExpressionError(`${value} is larger than an int`);
  }
  return { type, isConstant: true, evaluate: () => value as Value };
}

function local(name: string, variable: Variable, locals: readonly Local[]): Compiled {
  const index = locals.findLastIndex(one => one.name === name);
  const found = locals[index];
  if (found !== undefined) return { type: found.type, evaluate: ({ locals }) => locals[index] as Value };
  if (name === variable)
    throw new ExpressionError(`${name} as a whole is not supported, only its fields are`);
  throw new ExpressionError(`undeclared reference to ${JSON.stringify(name)}`);
}

function conditional([condition, yes, no]: readonly [Compiled, Compiled, Compiled]): Compiled {
  needBool(condition);
  const type = join(yes.type, no.type);
  if (type === undefined) throw noOverload('_?_:_', [condition, yes, no]);
  return {
    type,
    evaluate: step(evaluation => {
      const holds = condition.evaluate(evaluation);
      if (typeof holds !== 'boolean') throw new EvaluationError('the condition is no bool');
      return (holds ? yes : no).evaluate(evaluation);
    }),
  };
}

/** `&&` and `||`. An operand that decides alone makes an error of the other one irrelevant. */
function logical(deciding: boolean, operands: readonly Compiled[]): Compiled {
  operands.forEach(needBool);
  return {
    type: bool,
    evaluate: step(evaluation => quantify(deciding, operands, one => one.evaluate(evaluation))),
  };
}

const relations: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);

function equality(
  { op, args: [, right] }: Extract<ASTNode, { op: '==' | '!=' }>,
  [one, other]: readonly [Compiled, Compiled],
): Compiled {
  // All relations have one precedence in CEL, but not in the parser: without parentheses, it reads a == b < c as a == (b < c).
  if (relations.has(right.op)) {
    throw new ExpressionError(
      `the right side of ${op} is a comparison; put it on the left side, in parentheses`,
    );
  }
  if (
    join(one.type, other.type) === undefined ||
    one.type.kind === 'optional' ||
    other.type.kind === 'optional'
  ) {
    throw noOverload(op, [one, other]);
  }
  return {
    type: bool,
    evaluate: step(evaluation => {
      const values = [one.evaluate(evaluation), other.evaluate(evaluation)] as const;
      spend(evaluation, sizeOf(values[0]) + sizeOf(values[1]));
      return areEqual(...values) === (op === '==');
    }),
  };
}

function isIn([item, range]: readonly [Compiled, Compiled]): Compiled {
  const { type } = range;
  const of = type.kind === 'map' ? type.key : type.kind === 'list' ? type.of : dyn;
  if (join(item.type, of) === undefined) throw noOverload('in', [item, range]);
  return apply(operators, 'in', [item, range]);
}

/** A sum of lists has the elements of both. */
function sum(operands: readonly [Compiled, Compiled]): Compiled {
  const result = apply(operators, '+', operands);
  if (result.type.kind !== 'list') return result;
  const lists = operands.map(({ type }) => type).filter(({ kind }) => kind === 'list');
  const [one = result.type, other = one] = lists;
  const type = join(one, other);
  if (type === undefined) throw noOverload('+', operands);
  return { ...result, type };
}

/** cel-go converts literals when it compiles an expression, so that the API server rejects one that cannot be converted. */
function call(name: string, args: readonly ASTNode[], sub: Sub): Compiled {
  const [first, ...others] = args.map(sub) as [Compiled | undefined, ...Compiled[]];
  const result = apply(functions, name, first === undefined ? [] : [first, ...others]);
  if (first?.isConstant !== true || name === 'size') return result;
  try {
    const value = result.evaluate({ input: {}, locals: [], steps: Number.POSITIVE_INFINITY });
    return { type: result.type, isConstant: true, evaluate: () => value };
  } catch (error) {
    throw new ExpressionError(`${name}() of this literal: ${(error as Error).message}`);
  }
}

function member(
  [name, receiver, args]: Extract<ASTNode, { op: 'rcall' }>['args'],
  variable: Variable,
  locals: readonly Local[],
): Compiled {
  const sub = (node: ASTNode) => compile(node, variable, locals);
  const [first, ...others] = args;
  if (receiver.op === 'id' && receiver.args === 'optional') return ofOptional(name, args.map(sub));
  const from = sub(receiver);
  if (first?.op === 'id' && others.length > 0 && isComprehension(name)) {
    const item = first.args;
    if (item === variable || item.startsWith('__'))
      throw new ExpressionError(`${item} cannot be a variable here`);
    return comprehension(name, from, item, others, {
      locals: locals.length,
      compile: (node, local) => compile(node, variable, [...locals, local]),
    });
  }
  if (from.type.kind === 'optional') return optionalMember(name, from, from.type.of, args.map(sub));
  if (name === 'matches' || name === 'find') return regularExpression(name, from, args);
  return apply(members, name, [from, ...args.map(sub)]);
}

/** The expression has to be a literal, so that it is compiled once, and a wrong one is found at once. */
function regularExpression(name: 'matches' | 'find', from: Compiled, args: readonly ASTNode[]): Compiled {
  const [pattern] = args;
  if (join(from.type, string) === undefined) throw noOverload(name, [from]);
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string' || args.length !== 1) {
    throw new ExpressionError(`${name}() is supported with one literal string alone`);
  }
  let re: ReturnType<typeof compileRe2>;
  try {
    re = compileRe2(pattern.args);
  } catch {
    throw new ExpressionError(`${JSON.stringify(pattern.args)} is not a regular expression`);
  }
  return {
    type: name === 'matches' ? bool : string,
    evaluate: step(evaluation => {
      const text = from.evaluate(evaluation);
      if (typeof text !== 'string') throw new EvaluationError(`${name}() needs a string`);
      spend(evaluation, text.length);
      if (name === 'matches') return re.test(text);
      const matcher = re.matcher(text);
      return matcher.find() ? (matcher.group() ?? '') : '';
    }),
  };
}
