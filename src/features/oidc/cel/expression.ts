import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../../lib/json.js';
import { checker, prepare } from './environment.js';
import { isSplit } from './functions.js';
import { ExpressionError, Rewriter, type Variable } from './rewriter.js';
import { EvaluationError } from './values.js';

/** An expression that can be evaluated. Each evaluation throws an error that says why there is no result; it has no part of the token. */
export interface Expression {
  readonly text: string;
  /** The result as a string. */
  evaluateString(input: JsonObject): string;
  /** The result as strings: one string, a list of strings, or null. Empty strings are left out (`convertCELValueToStringList`). */
  evaluateStrings(input: JsonObject): readonly string[];
  evaluateBool(input: JsonObject): boolean;
  /** Whether the expression selects this claim, as `claims.NAME`, `claims.?NAME` or in `has()`. */
  selectsClaim(name: string): boolean;
}

/** The longest expression, in characters. */
const longest = 10_000;

/**
 * Compiles an expression of an AuthenticationConfiguration. Throws an ExpressionError for one that the API server does not accept, and for
 * one that is not evaluated here exactly as it does.
 *
 * @param isRule Whether the result must be a bool for certain, as that of a validation rule.
 */
export function compileExpression(text: string, variable: Variable, { isRule = false } = {}): Expression {
  const parsed = parse(text);
  const { ast } = parsed;
  const rewritten = new Rewriter(variable).rewrite(ast);
  const evaluate = orExpressionError(() => {
    const { type, error } = parsed.check();
    if (error !== undefined) throw error;
    if (isRule && type !== 'bool') throw new ExpressionError('must evaluate to bool');
    return prepare(rewritten, variable);
  });
  const run = (input: JsonObject): unknown => {
    try {
      return evaluate(input);
    } catch (error) {
      throw failure(text, reasonOf(error));
    }
  };
  return {
    text,
    evaluateString(input) {
      const value = run(input);
      if (typeof value !== 'string') throw failure(text, 'it is no string');
      return value;
    },
    evaluateStrings: input => {
      const strings = stringsOf(run(input));
      if (strings === undefined) throw failure(text, 'it is neither a string nor a list of strings');
      return strings;
    },
    evaluateBool(input) {
      const value = run(input);
      if (typeof value !== 'boolean') throw failure(text, 'it is no bool');
      return value;
    },
    selectsClaim: name => selects(ast, name),
  };
}

function failure(text: string, reason: string): EvaluationError {
  return new EvaluationError(`the expression ${JSON.stringify(text)} has no result: ${reason}`);
}

function stringsOf(value: unknown): readonly string[] | undefined {
  if (value === null) return [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || isSplit(list)) return undefined;
  return list.every(item => typeof item === 'string') ? list.filter(item => item !== '') : undefined;
}

function parse(text: string): ParseResult {
  if (text.length > longest) throw new ExpressionError(`is longer than ${longest} characters`);
  // The library and cel-go read these in different ways.
  if (text.includes('\r') || !text.isWellFormed() || hasEscapedQuoteBehindRaw(text)) {
    throw new ExpressionError(
      'has a carriage return, half of a surrogate pair, or a backslash before a quote behind a raw string',
    );
  }
  return orExpressionError(() => checker.parse(text), 'is no CEL expression: ');
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
function selects(value: unknown, claim: string): boolean {
  if (Array.isArray(value)) return value.some(item => selects(item, claim));
  if (typeof value !== 'object' || value === null || !('op' in value)) return false;
  const { op, args } = value as ASTNode;
  if ((op === '.' || op === '.?') && args[1] === claim && args[0].op === 'id' && args[0].args === 'claims') {
    return true;
  }
  return selects(args, claim);
}
