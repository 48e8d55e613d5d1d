import { percentDecoded } from '../http/percent-encoding.js';

const none: readonly string[] = [];

/**
 * Every value of one parameter in a raw query string (without `?`), as Go's `url.ParseQuery` reads it for the API server: names and
 * values are percent-decoded, `+` is a space, and a pair with a `;` or a broken escape does not count.
 *
 * @param name ASCII without spaces.
 */
export function queryValues(query: string, name: string): readonly string[] {
  return valuesOf(query, name, Number.POSITIVE_INFINITY);
}

/** The first of these values; undefined if there is none. */
export function queryValue(query: string, name: string): string | undefined {
  return valuesOf(query, name, 1)[0];
}

function valuesOf(query: string, name: string, most: number): readonly string[] {
  let values: string[] | undefined;
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    // Most pairs have another name, and this runs for every request.
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

function pairValue(pair: string, name: string): string | undefined {
  if (pair.includes(';')) return undefined;
  const equals = pair.indexOf('=');
  const key = equals < 0 ? pair : pair.slice(0, equals);
  if (unescapeQuery(key) !== name) return undefined;
  return equals < 0 ? '' : unescapeQuery(pair.slice(equals + 1));
}

function unescapeQuery(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  if (/%(?![0-9a-f]{2})/i.test(spaced)) return undefined;
  // Not decodeURIComponent: it throws on bytes that are not UTF-8, which Go accepts.
  return percentDecoded(spaced).toString();
}
