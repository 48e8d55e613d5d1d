import type { ASTNode } from '@marcbachmann/cel-js';
import { ExpressionError } from './expression-error.js';
import type { Variable } from './variable.js';

/** Whether a node is the variable itself. */
export function isVariable(node: ASTNode, { name }: Variable): boolean {
  return node.op === 'id' && node.args === name;
}

/** Whether a value is selected from a variable whose fields have types. */
function isTyped(node: ASTNode, variable: Variable): boolean {
  return variable.fields !== undefined && isVariable(rootOf(node), variable);
}

/** What fields and elements are selected from. */
function rootOf(node: ASTNode): ASTNode {
  return node.op === '.' || node.op === '[]' ? rootOf(node.args[0]) : node;
}

/** Whether the API server takes it as the range of a comprehension for certain. A field without a type is `any` there, which it does not take. */
export function isRange(node: ASTNode, variable: Variable): boolean {
  if (node.op === 'call') return node.args[0] === 'dyn';
  if (node.op === 'rcall') return ['split', 'filter', 'map'].includes(node.args[0]);
  return node.op === 'list' || isTyped(node, variable);
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
        ['orValue', 'value', 'map', 'filter'].includes(name) &&
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
export function checkTypes(items: readonly ASTNode[], variable: Variable): void {
  const types = items.map(node => {
    if (node.op === 'call' && node.args[0] === 'dyn') return 'dyn';
    if ((node.op !== '.' && node.op !== '[]') || isTyped(node, variable)) return 'other';
    return isVariable(node.args[0], variable) ? 'any' : 'dyn';
  });
  if (new Set(types).size > 1) throw new ExpressionError('the elements of a list have different types');
}
