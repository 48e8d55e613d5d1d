import type { ASTNode } from '@marcbachmann/cel-js';
import { ExpressionError, type FieldType, isListOfObjects, isObjectType, type Variable } from './variable.js';

/** What names mean at a place of an expression. */
export interface Scope {
  readonly variable: Variable;
  /** The variables of the comprehensions around, with their types as far as the variable says them. */
  readonly locals: ReadonlyMap<string, FieldType | undefined>;
}

/** Whether a node is the variable itself. */
export function isVariable(node: ASTNode, { name }: Variable): boolean {
  return node.op === 'id' && node.args === name;
}

/** The type of what is selected from a variable whose fields have types, without the optional around it; undefined for all else. */
export function typeOf(node: ASTNode, scope: Scope): FieldType | undefined {
  switch (node.op) {
    case 'id':
      return isVariable(node, scope.variable) ? scope.variable.fields : scope.locals.get(node.args);
    case '.':
    case '.?': {
      const type = typeOf(node.args[0], scope);
      return isObjectType(type) ? type[node.args[1] as string] : itemOf(type);
    }
    case '[]':
    case '[?]':
      return itemOf(typeOf(node.args[0], scope));
    case 'rcall': {
      const [name, receiver] = node.args;
      return ['orValue', 'value', 'filter'].includes(name) ? typeOf(receiver, scope) : undefined;
    }
  }
  return undefined;
}

/** The type of an element of a list, or of a value of a map. */
function itemOf(type: FieldType | undefined): FieldType | undefined {
  if (isListOfObjects(type)) return type[0];
  if (type === 'list<string>') return 'string';
  return type === 'map<string, list<string>>' ? 'list<string>' : undefined;
}

/** The type of the variable of a comprehension: an element of a list, or a key of a map. */
export function elementOf(range: ASTNode, scope: Scope): FieldType | undefined {
  const type = typeOf(range, scope);
  return type === 'map<string, list<string>>' ? 'string' : itemOf(type);
}

/** Whether the API server takes it as the range of a comprehension for certain. A field without a type is `any` there, which it does not take. */
export function isRange(node: ASTNode, scope: Scope): boolean {
  if (typeOf(node, scope) !== undefined) return true;
  if (node.op === 'rcall') return ['split', 'filter', 'map'].includes(node.args[0]);
  // Of all functions, dyn() alone gives what the parser takes as a range.
  return node.op === 'list' || node.op === 'call';
}

/**
 * Whether the API server infers the type of a value from what is beside it: from a default, or from the other part of a sum. It does so for a
 * variable whose fields have no types.
 */
export function isInferred(node: ASTNode, variable: Variable): boolean {
  if (variable.fields !== undefined) return false;
  switch (node.op) {
    case '[?]':
      return !isVariable(node.args[0], variable);
    case '+':
      return true;
    case '.':
    case '.?':
    case '[]':
      return isInferred(node.args[0], variable);
    case '?:':
    case 'list':
      return node.args.some(part => isInferred(part, variable));
    case 'rcall': {
      const [name, receiver, args] = node.args;
      return (
        ['orValue', 'value', 'map'].includes(name) &&
        [receiver, ...args].some(part => isInferred(part, variable))
      );
    }
    default:
      return false;
  }
}

/**
 * The elements of a list have one type in the API server, where a field without a type is `any`, and what is in it `dyn`. The library knows `dyn`
 * alone.
 */
export function checkTypes(items: readonly ASTNode[], scope: Scope): void {
  const types = items.map(node => {
    if (node.op === 'call' && node.args[0] === 'dyn') return 'dyn';
    if ((node.op !== '.' && node.op !== '[]') || typeOf(node, scope) !== undefined) return 'other';
    return isVariable(node.args[0], scope.variable) ? 'any' : 'dyn';
  });
  if (new Set(types).size > 1) throw new ExpressionError('the elements of a list have different types');
}
