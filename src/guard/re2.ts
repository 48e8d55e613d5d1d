import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

/**
 * Compiles a Go regular expression, whose matching takes linear time; throws an error that says what is wrong with it. The library is
 * loaded by the first one: it is 3.5 MB of an idle process, and the defaults of all flags do without.
 */
export function compileRe2(expression: string): RE2JS {
  const library = createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS };
  return library.RE2JS.compile(expression);
}
