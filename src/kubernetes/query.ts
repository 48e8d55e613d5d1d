import { percentDecoded } from '../http/percent-encoding.js';
import { utf8Text } from '../http/utf8.js';

const none: readonly string[] = [];

/**
 * Every value of one parameter in a raw query string (without `?`), as Go's `url.ParseQuery` reads it for the API server. Names and values
 * are percent-decoded, `+` is a space, and a pair with a `;` or a broken escape does not count.
 *
 * @param name ASCII without spaces.
 */
export function queryValues(query: string, name: string): readonly string[] {
  return valuesOf(query, name, Number.POSITIVE_INFINITY);
}

/** The first value of one parameter, read in the same way; undefined if there is none. */
export function queryValue(query: string, name: string): string | undefined {
  return valuesOf(query, name, 1)[0];
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
  if (!/^[+-]?\d+$/.test(value) || value.replace(/^[+-]?0*/, '').length > 19) return false;
  return BigInt.asIntN(64, BigInt(value)) === BigInt(value);
}

/** Go's limit since 1.24.12 and 1.25.6 (net/url `defaultMaxParams`). Each `&` begins a parameter, even an empty one. */
export const mostParameters = 10_000;

/** Whether newer API servers read this query as an empty one, because it has too many parameters. Older ones read it whole. */
export function hasTooManyParameters(query: string): boolean {
  if (query.length < mostParameters) return false;
  let count = 1;
  for (let at = query.indexOf('&'); at !== -1; at = query.indexOf('&', at + 1)) count += 1;
  return count > mostParameters;
}

function valuesOf(query: string, name: string, most: number): readonly string[] {
  let values: string[] | undefined;
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    // Only pairs that may have this name are decoded: most have another one, and this code runs for every request.
    const value = beginsWith(query, start, name) ? pairValue(query.slice(start, end), name) : undefined;
    start = end + 1;
    if (value === undefined) continue;
    values ??= [];
    if (values.push(value) === most) break;
  }
  return values ?? none;
}

/** Whether a name, escaped or not, begins at `start`. */
function beginsWith(query: string, start: number, name: string): boolean {
  let at = start;
  for (let index = 0; index < name.length; index++) {
    let code = query.charCodeAt(at);
    if (code === 0x25) {
      code = Number.parseInt(query.slice(at + 1, at + 3), 16);
      at += 2;
    }
    if (code !== name.charCodeAt(index)) return false;
    at += 1;
  }
  return true;
}

function pairValue(text: string, name: string): string | undefined {
  const pair = decodedPair(text);
  return pair?.name === name ? pair.value : undefined;
}

/** Decodes one pair of a query; undefined if it does not count. */
export function decodedPair(text: string): { name: string; value: string } | undefined {
  if (text.includes(';')) return undefined;
  const equals = text.indexOf('=');
  const name = unescapeQuery(equals < 0 ? text : text.slice(0, equals));
  const value = equals < 0 ? '' : unescapeQuery(text.slice(equals + 1));
  return name === undefined || value === undefined ? undefined : { name, value };
}

/** Text that is its own meaning: ASCII without `%` and `+`. */
const plain = /^[ -$&-*,-~]*$/;

function unescapeQuery(text: string): string | undefined {
  if (plain.test(text)) return text;
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return utf8Text(spaced);
  if (/%(?![0-9a-f]{2})/i.test(spaced)) return undefined;
  // decodeURIComponent cannot be used: it throws on bytes that are not UTF-8, which Go accepts.
  return utf8Text(percentDecoded(spaced).toString('latin1'));
}
