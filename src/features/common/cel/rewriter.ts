import type { ASTNode } from '@marcbachmann/cel-js';
import { type Functions, globals, members, regularExpression } from './functions.js';
import { checkTypes, elementOf, isInferred, isRange, isVariable, type Scope, typeOf } from './types.js';
import { ExpressionError, isListOfObjects, isObjectType, type Variable } from './variable.js';

/** How deeply comprehensions (`all`, `exists`, `map`, …) may be nested. */
const mostNested = 3;

/** The macros that go through a list or the keys of a map, with the numbers of their arguments. */
const comprehensions = new Set(['all 2', 'exists 2', 'exists_one 2', 'filter 2', 'map 2', 'map 3']);

/** The member functions of an optional, with the numbers of their arguments. */
const ofOptionals = new Set(['orValue 1', 'value 0', 'hasValue 0']);

const operators: Readonly<Record<string, (one: string, other: string) => string>> = {
  '&&': (one, other) => `(${one} && ${other})`,
  '||': (one, other) => `(${one} || ${other})`,
  '==': (one, other) => `_equal(${one}, ${other})`,
  '!=': (one, other) => `!_equal(${one}, ${other})`,
  '<': (one, other) => `_less(${one}, ${other})`,
  '<=': (one, other) => `!_less(${other}, ${one})`,
  '>': (one, other) => `_less(${other}, ${one})`,
  '>=': (one, other) => `!_less(${one}, ${other})`,
  '+': (one, other) => `_add(${one}, ${other})`,
  '-': (one, other) => `_subtract(${one}, ${other})`,
  '*': (one, other) => `_multiply(${one}, ${other})`,
  '/': (one, other) => `_divide(${one}, ${other})`,
  in: (one, other) => `_in(${one}, ${other})`,
};

type Selection = Extract<ASTNode, { op: '.' | '.?' | '[]' | '[?]' }>;
type Call<Op extends 'call' | 'rcall'> = Extract<ASTNode, { op: Op }>['args'];

/**
 * Rewrites an expression so that the library evaluates it exactly as cel-go does, in the environment that the API server has for authentication
 * and authorization (k8s.io/apiserver `pkg/cel/environment`, `pkg/authentication/cel` and `pkg/authorization/cel`): operators and functions become calls of functions of ours. Throws an
 * ExpressionError for what is not known to be exact then.
 *
 * The result is text, which the library parses again: its public interface makes no nodes, and checks and evaluates no tree that it has
 * not parsed itself.
 */
export class Rewriter {
  readonly #scope: Scope;
  /** How many comprehensions are around. */
  readonly #depth: number;

  constructor(variable: Variable, locals: Scope['locals'] = new Map(), depth = 0) {
    this.#scope = { variable, locals };
    this.#depth = depth;
  }

  rewrite(node: ASTNode): string {
    switch (node.op) {
      case 'value':
        return literal(node);
      case 'id':
        return this.#local(node.args);
      case '.':
      case '.?':
      case '[]':
      case '[?]':
        return this.#selection(node);
      case 'list':
        checkTypes(node.args, this.#scope);
        return `[${this.#values(node.args)}]`;
      case '?:': {
        const [condition, yes, no] = node.args.map(part => this.#value(part));
        return `(${condition} ? ${yes} : ${no})`;
      }
      case 'call':
        return this.#call(node.args);
      case 'rcall':
        return this.#member(node.args);
      case '!_':
        return `!${this.#value(node.args)}`;
      case '-_':
        if (node.args.op !== 'value') throw unsupported('a minus sign before anything but a number');
        return `-${literal(node.args)}`;
      case 'map':
        throw unsupported('a map');
      default:
        return this.#operator(node.op, node.args);
    }
  }

  /** Rewrites what cannot be an optional or an object. */
  #value(node: ASTNode): string {
    const type = typeOf(node, this.#scope);
    if (typeof type === 'object') throw unsupported('an object, or a list of objects, as a whole');
    return this.#whole(node);
  }

  /** Rewrites what cannot be an optional, but may have objects. */
  #whole(node: ASTNode): string {
    if (isOptional(node)) throw unsupported('an optional without orValue(), value() or hasValue()');
    return this.rewrite(node);
  }

  /** Rewrites what may be a list of objects. */
  #list(node: ASTNode): string {
    return isListOfObjects(typeOf(node, this.#scope)) ? this.#whole(node) : this.#value(node);
  }

  #values(nodes: readonly ASTNode[]): string {
    return nodes.map(node => this.#value(node)).join(', ');
  }

  #local(name: string): string {
    if (this.#scope.locals.has(name)) return name;
    if (name === this.#scope.variable.name) throw unsupported(`${name} as a whole`);
    throw new ExpressionError(`undeclared reference to ${JSON.stringify(name)}`);
  }

  #operator(op: string, operands: readonly [ASTNode, ASTNode]): string {
    // All relations have one precedence in CEL, but not in the parser: without parentheses, it reads a == b < c as a == (b < c).
    if ((op === '==' || op === '!=') && ['<', '<=', '>', '>=', 'in'].includes(operands[1].op)) {
      throw new ExpressionError(
        `the right side of ${op} is a comparison; put it on the left side, in parentheses`,
      );
    }
    const [one, other] = operands.map(operand => this.#value(operand)) as [string, string];
    const rewritten = operators[op]?.(one, other);
    if (rewritten === undefined) throw unsupported(op);
    return rewritten;
  }

  #selection(node: Selection): string {
    const [target, key] = this.#lookup(node);
    return isOptional(node) ? `_optional(${target}, ${key})` : `${target}[${key}]`;
  }

  /** What something is selected from, and its name or index. */
  #lookup({ args: [target, property] }: Selection): readonly [target: string, key: string] {
    const key = typeof property === 'string' ? property : property.op === 'value' ? property.args : undefined;
    if (typeof key !== 'string' && typeof key !== 'bigint') throw unsupported('an index that is no literal');
    const text = typeof key === 'string' ? JSON.stringify(unescaped(key)) : String(key);
    const type = typeOf(target, this.#scope);
    if (isObjectType(type) && typeof property !== 'string') throw unsupported('an index of an object');
    if (isObjectType(type) && !Object.hasOwn(type, String(key))) {
      throw new ExpressionError(
        `there is no field ${JSON.stringify(String(key))}; the fields are ${Object.keys(type).join(', ')}`,
      );
    }
    return [
      isVariable(target, this.#scope.variable) ? this.#scope.variable.name : this.rewrite(target),
      text,
    ];
  }

  #call([name, args]: Call<'call'>): string {
    const [field] = args;
    // The API server converts it when it compiles the expression, and may reject it.
    if (name === 'int' && isConstant(field)) throw unsupported('int() of a literal');
    if (name === 'string' || name === 'int') this.#checkType(name, field);
    if (name !== 'has') {
      const values = args.map(node => (name === 'size' ? this.#list(node) : this.#value(node)));
      return `_${defined(globals, name, args.length)}(${values.join(', ')})`;
    }
    if (field?.op !== '.') throw new ExpressionError('has() takes one selected field');
    if (!isPath(field)) throw unsupported('has() of anything but names and dots');
    return `_optional(${this.#lookup(field).join(', ')}).hasValue()`;
  }

  #member([name, receiver, args]: Call<'rcall'>): string {
    const [first, ...others] = args;
    const form = `${name} ${args.length}`;
    if (comprehensions.has(form) && first?.op === 'id') {
      return this.#comprehension(name, receiver, first.args, others);
    }
    if (isOptional(receiver)) {
      if (!ofOptionals.has(form)) throw unsupported(`${name}() of an optional`);
      return `${this.rewrite(receiver)}.${name}(${this.#values(args)})`;
    }
    if (name === 'indexOf') this.#checkType(name, receiver);
    const from = name === 'size' ? this.#list(receiver) : this.#value(receiver);
    const known = defined(name === 'size' ? globals : members, name, args.length + 1);
    if (name === 'matches') checkPattern(args);
    return `_${known}(${[from, ...args.map(node => this.#value(node))].join(', ')})`;
  }

  #comprehension(name: string, range: ASTNode, item: string, body: readonly ASTNode[]): string {
    if (item === this.#scope.variable.name || item.startsWith('_')) {
      throw new ExpressionError(`${item} cannot be a variable here`);
    }
    if (this.#depth >= mostNested) {
      throw new ExpressionError(`more than ${mostNested} comprehensions are nested`);
    }
    const { variable, locals } = this.#scope;
    const inner = new Rewriter(
      variable,
      new Map([...locals, [item, elementOf(range, this.#scope)]]),
      this.#depth + 1,
    );
    const rewritten = `_range(${this.#list(range)}).${name}(${item}, ${inner.#values(body)})`;
    if (!isRange(range, this.#scope))
      throw unsupported(`such a range of ${name}()`, '; write dyn(…) around it');
    this.#checkType(name, range);
    return rewritten;
  }

  /** The API server chooses some functions by the type that it infers: they fail for another value, and ours do not. */
  #checkType(name: string, value: ASTNode | undefined): void {
    if (value === undefined || value.op === '+' || !isInferred(value, this.#scope.variable)) return;
    throw unsupported(`${name}() of what [?…] or a sum gives`, '; write dyn(…) around it');
  }
}

/** Whether the value may be missing. */
function isOptional(node: ASTNode): boolean {
  if (node.op === '.?' || node.op === '[?]') return true;
  return (node.op === '.' || node.op === '[]') && isOptional(node.args[0]);
}

/** Whether a node is a literal, or a literal converted to another type. */
function isConstant(node: ASTNode | undefined): boolean {
  if (node?.op !== 'call') return node?.op === 'value' || node?.op === '-_';
  return ['dyn', 'string', 'int'].includes(node.args[0]) && isConstant(node.args[1][0]);
}

function isPath(node: ASTNode): boolean {
  return node.op === 'id' || (node.op === '.' && isPath(node.args[0]));
}

function literal({ args: value, input, start, end }: Extract<ASTNode, { op: 'value' }>): string {
  if (typeof value === 'object' && value !== null) throw unsupported('a literal of bytes or of a uint');
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) {
    throw new ExpressionError(`${value} is larger than an int`);
  }
  return input.slice(start, end);
}

const escapes: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

/** The name that Kubernetes reads: `a.b` for `a__dot__b` (k8s.io/apiserver `pkg/cel/escaping.go`). */
function unescaped(name: string): string {
  const sequence = /__(underscores|dot|dash|slash)__/g;
  if (name.replace(sequence, '').includes('__')) throw unsupported(`the name ${JSON.stringify(name)}`);
  return name.replace(sequence, (_, word: string) => escapes[word] as string);
}

/** The pattern has to be a literal, so that a wrong one is found at once. */
function checkPattern([pattern]: readonly ASTNode[]): void {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
    throw new ExpressionError('matches() is supported with one literal string alone');
  }
  try {
    regularExpression(pattern.args);
  } catch {
    throw new ExpressionError(`${JSON.stringify(pattern.args)} is not a regular expression`);
  }
}

/** The name of a function, if there is one with so many parameters. */
function defined(functions: Functions, name: string, count: number): string {
  const signatures = Object.keys(functions).filter(signature => signature.startsWith(`${name}(`));
  if (signatures.length === 0) throw unsupported(name);
  const counts = signatures.map(signature => signature.split(',').length);
  if (counts.includes(count)) return name;
  throw unsupported(`${name}() with so many arguments`);
}

function unsupported(what: string, instead = ''): ExpressionError {
  return new ExpressionError(`${what} is not supported${instead}`);
}
