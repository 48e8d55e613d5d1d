import type { JsonObject } from '../../lib/json.js';
import { bool, Compiler, type ResultType } from '../common/cel/expression.js';
import { isSplit } from '../common/cel/functions.js';

/** A variable of an expression: `claims` of a token, or the `user` that they were mapped to. */
export type Variable = 'claims' | 'user';

/** An expression about one of them. An evaluation throws an EvaluationError that says why there is no result; it has no part of the token. */
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

const compilers: Readonly<Record<Variable, Compiler>> = {
  claims: new Compiler({ name: 'claims' }),
  user: new Compiler({
    name: 'user',
    fields: { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' },
  }),
};

const string: ResultType<string> = {
  read: value => (typeof value === 'string' ? value : undefined),
  otherwise: 'it is no string',
};

const strings: ResultType<readonly string[]> = {
  read(value) {
    if (value === null) return [];
    const list = typeof value === 'string' ? [value] : value;
    if (!Array.isArray(list) || isSplit(list)) return undefined;
    return list.every(item => typeof item === 'string') ? list.filter(item => item !== '') : undefined;
  },
  otherwise: 'it is neither a string nor a list of strings',
};

/** Compiles an expression of an AuthenticationConfiguration. Parameters and errors as for `Compiler.compile`. */
export function compileExpression(text: string, variable: Variable, { isRule = false } = {}): Expression {
  const expression = compilers[variable].compile(text, { isRule });
  return {
    text,
    evaluateString: input => expression.evaluate(input, string),
    evaluateStrings: input => expression.evaluate(input, strings),
    evaluateBool: input => expression.evaluate(input, bool),
    selectsClaim: name => expression.selects(name),
  };
}
