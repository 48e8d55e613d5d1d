import type { ASTNode } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../lib/json.js';
import {
  type Compiled,
  type Evaluation,
  ExpressionError,
  type Sub,
  step,
  type Variable,
} from './evaluation.js';
import {
  any,
  bool,
  type CelType,
  describe,
  dyn,
  int,
  isUnknown,
  join,
  listOf,
  mapOf,
  optionalOf,
  string,
} from './types.js';
import { claimOf, EvaluationError, elementOf, Optional, type Value } from './values.js';

const userFields: Readonly<Record<string, CelType>> = {
  username: string,
  uid: string,
  groups: listOf(string),
  extra: mapOf(string, listOf(string)),
};

/** Whether a node is the variable itself. Its fields alone can be used. */
function isVariable(node: ASTNode, variable: Variable): boolean {
  return node.op === 'id' && node.args === variable;
}

type Access = Extract<ASTNode, { op: '.' | '.?' | '[]' | '[?]' }>;

/** What an access looks in, the key, and how. */
interface Lookup {
  readonly operand: Compiled;
  readonly key: Compiled;
  readonly find: (value: Value, key: Value) => Value | undefined;
  /** The type of the value that is found. */
  readonly type: CelType;
}

function lookup(node: Access, variable: Variable, sub: Sub): Lookup {
  const [target, property] = node.args;
  const key =
    typeof property === 'string' ? { type: string, evaluate: () => property } : sub(property as ASTNode);
  if (isVariable(target, variable)) {
    const operand = { type: dyn, evaluate: ({ input }: Evaluation) => input };
    if (variable === 'claims') {
      if (join(key.type, string) === undefined) throw new ExpressionError('the name of a claim is a string');
      return { operand, key, type: any, find: (value, name) => claimOf(value as JsonObject, name) };
    }
    const isKnown = typeof property === 'string' && Object.hasOwn(userFields, property);
    const type = isKnown ? userFields[property] : undefined;
    if (type === undefined)
      throw new ExpressionError('the fields of user are username, uid, groups and extra');
    return { operand, key, type, find: (value, name) => elementOf(value, name) };
  }
  const operand = sub(target);
  const of = operand.type.kind === 'optional' ? operand.type.of : operand.type;
  if (isUnknown(of)) return { operand, key, type: dyn, find: elementOf };
  const indexType =
    of.kind === 'map' ? of.key : of.kind === 'list' && typeof property !== 'string' ? int : undefined;
  if (indexType === undefined || !('of' in of) || join(indexType, key.type) === undefined) {
    throw new ExpressionError(`${describe(of)} has no such field or index`);
  }
  return { operand, key, type: of.of, find: elementOf };
}

/** `e.f`, `e[k]`, and with a question mark the same as an optional. */
export function access(node: Access, variable: Variable, sub: Sub): Compiled {
  const { operand, key, find, type } = lookup(node, variable, sub);
  const asks = node.op === '.?' || node.op === '[?]';
  const isOptional = asks || operand.type.kind === 'optional';
  return {
    type: isOptional ? optionalOf(type) : type,
    evaluate: step(evaluation => {
      const from = operand.evaluate(evaluation);
      const value = from instanceof Optional ? from.value : from;
      if (value === undefined) return Optional.none;
      const found = find(value, key.evaluate(evaluation));
      if (asks || from instanceof Optional) return found === undefined ? Optional.none : new Optional(found);
      if (found === undefined) throw new EvaluationError('no such key');
      return found;
    }),
  };
}

/** `has(e.f)`. An optional `e` without a value has no fields. */
export function has(args: readonly ASTNode[], variable: Variable, sub: Sub): Compiled {
  const [node] = args;
  if (args.length !== 1 || node?.op !== '.') throw new ExpressionError('has() takes one selected field');
  const { operand, key, find } = lookup(node, variable, sub);
  return {
    type: bool,
    evaluate: step(evaluation => {
      const from = operand.evaluate(evaluation);
      const value = from instanceof Optional ? from.value : from;
      return value !== undefined && find(value, key.evaluate(evaluation)) !== undefined;
    }),
  };
}
