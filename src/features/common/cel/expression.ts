import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../../lib/json.js';
import { VariableEnvironment } from './environment.js';
import { Rewriter } from './rewriter.js';
import { isVariable } from './types.js';
import { EvaluationError } from './values.js';
import { ExpressionError, type Variable } from './variable.js';

/** What a result is read as. */
export interface ResultType<T> {
  /** Undefined if the value is none of this type. */
  readonly read: (value: unknown) => T | undefined;
  /** What an error says of such a value. */
  readonly otherwise: string;
}

/** The result is true or false. */
export const bool: ResultType<boolean> = {
  read: value => (typeof value === 'boolean' ? value : undefined),
  otherwise: 'it is no bool',
};

/** An expression that can be evaluated. */
export interface Expression {
  readonly text: string;
  /** The result for a value of the variable. Throws an EvaluationError that says why there is none; it has no part of the value. */
  evaluate<T>(input: JsonObject, type: ResultType<T>): T;
  /** Whether the expression selects this field of the variable, as `x.FIELD`, `x.?FIELD` or in `has()`. */
  selects(field: string): boolean;
}

/** The longest expression, in characters. */
const longest = 10_000;

/** Compiles expressions about one variable, of files that the API server reads too. */
export class Compiler {
  readonly #variable: Variable;
  readonly #environment: VariableEnvironment;

  constructor(variable: Variable) {
    this.#variable = variable;
    this.#environment = new VariableEnvironment(variable);
  }

  /**
   * Throws an ExpressionError for an expression that the API server does not accept, and for one that is not evaluated here exactly as it does.
   *
   * @param isRule Whether the result must be a bool for certain, as that of a validation rule.
   */
  compile(text: string, { isRule = false } = {}): Expression {
    const parsed = this.#parse(text);
    const { ast } = parsed;
    const rewritten = new Rewriter(this.#variable).rewrite(ast);
    const evaluate = orExpressionError(() => {
      const { type, error } = parsed.check();
      if (error !== undefined) throw error;
      if (isRule && type !== 'bool') throw new ExpressionError('must evaluate to bool');
      return this.#environment.prepare(rewritten);
    });
    return {
      text,
      evaluate(input, { read, otherwise }) {
        let value: unknown;
        try {
          value = evaluate(input);
        } catch (error) {
          throw failure(text, reasonOf(error));
        }
        const result = read(value);
        if (result === undefined) throw failure(text, otherwise);
        return result;
      },
      selects: field => selects(ast, this.#variable, field),
    };
  }

  #parse(text: string): ParseResult {
    if (text.length > longest) throw new ExpressionError(`is longer than ${longest} characters`);
    // The library and cel-go read these in different ways.
    if (text.includes('\r') || !text.isWellFormed() || hasEscapedQuoteBehindRaw(text)) {
      throw new ExpressionError(
        'has a carriage return, half of a surrogate pair, or a backslash before a quote behind a raw string',
      );
    }
    return orExpressionError(() => this.#environment.parse(text), 'is no CEL expression: ');
  }
}

function failure(text: string, reason: string): EvaluationError {
  return new EvaluationError(`the expression ${JSON.stringify(text)} has no result: ${reason}`);
}

/** Whether a raw string begins, and its quote comes again later with a backslash before it. */
function hasEscapedQuoteBehindRaw(text: string): boolean {
  const lower = text.toLowerCase();
  return ['"', "'"].some(quote => {
    const beginning = lower.indexOf(`r${quote}`);
    return beginning !== -1 && lower.includes(`\\${quote}`, beginning);
  });
}

/** Does something with an expression. An error of the library becomes an ExpressionError. */
function orExpressionError<T>(work: () => T, prefix = ''): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ExpressionError ? error : new ExpressionError(prefix + reasonOf(error));
  }
}

/**
 * Errors of the library have a summary, and in their message the expression besides. One of them names our function, which has an underscore
 * before its name. All other underscores are those of names and keys in the expression.
 */
function reasonOf(error: unknown): string {
  const { summary, message } = error as Error & { readonly summary?: string };
  return (summary ?? message).replace(/^(found no matching overload for ')_/, '$1');
}

/** All nodes below a value are looked at, in has() and in the body of a comprehension too. */
function selects(value: unknown, variable: Variable, field: string): boolean {
  if (Array.isArray(value)) return value.some(item => selects(item, variable, field));
  if (typeof value !== 'object' || value === null || !('op' in value)) return false;
  const { op, args } = value as ASTNode;
  if ((op === '.' || op === '.?') && args[1] === field && isVariable(args[0], variable)) return true;
  return selects(args, variable, field);
}
