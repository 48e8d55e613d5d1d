import { unescapedText } from '../http/percent-encoding.js';

/** The values of each parameter of a query, in their order. */
export type Query = ReadonlyMap<string, readonly string[]>;

/**
 * Reads a raw query string (without `?`) as Go's `url.ParseQuery` does for the API server. Names and values are percent-decoded, `+` is a
 * space, and a pair with a `;` or a broken escape does not count.
 */
export function parseQuery(query: string): Query {
  const values = new Map<string, string[]>();
  for (const text of query.split('&')) {
    const pair = text === '' ? undefined : decodedPair(text);
    if (pair === undefined) continue;
    const before = values.get(pair.name);
    if (before === undefined) values.set(pair.name, [pair.value]);
    else before.push(pair.value);
  }
  return values;
}

/**
 * Whether a boolean parameter with this first value is true, as apimachinery's `Convert_Slice_string_To_bool` reads it: an empty value is.
 * Go's EqualFold compares without case, like the flags `iu`: U+017F is an s.
 */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '0' && !/^false$/iu.test(value);
}

/** Whether Go's `strconv.ParseInt(value, 10, 64)` accepts a value. */
export function isInt64(value: string): boolean {
  // A number of 64 bits has at most 19 digits, and parsing longer ones takes more than linear time.
  return /^[+-]?0*\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
}

/** Go's limit since 1.24.12 and 1.25.6 (net/url `defaultMaxParams`). Each `&` begins a parameter, even an empty one. */
export const mostParameters = 10_000;

/** Whether newer API servers read this query as an empty one, because it has too many parameters. Older ones read it whole. */
export function hasTooManyParameters(query: string): boolean {
  let count = 1;
  for (let at = query.indexOf('&'); at !== -1; at = query.indexOf('&', at + 1)) count += 1;
  return count > mostParameters;
}

/** Decodes one pair of a query; undefined if it does not count. */
export function decodedPair(text: string): { name: string; value: string } | undefined {
  if (text.includes(';')) return undefined;
  const equals = text.indexOf('=');
  const name = unescaped(equals < 0 ? text : text.slice(0, equals));
  const value = equals < 0 ? '' : unescaped(text.slice(equals + 1));
  return name === undefined || value === undefined ? undefined : { name, value };
}

function unescaped(text: string): string | undefined {
  return unescapedText(text.replaceAll('+', ' '));
}
