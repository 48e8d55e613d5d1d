const none: readonly string[] = [];

/**
 * Every value of one parameter in a raw query string (without `?`), read as Go's `url.ParseQuery` reads it for the API
 * server: names and values are percent-decoded, `+` is a space, and a pair with a `;` or a broken escape does not exist.
 */
export function queryValues(query: string, name: string): readonly string[] {
  let values: string[] | undefined;
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    const pair = query.slice(start, end);
    start = end + 1;
    // Most pairs are not the one that is looked for, and this is on the way of every request.
    if (!pair.startsWith(name) && !pair.includes('%')) continue;
    const value = pairValue(pair, name);
    if (value === undefined) continue;
    values ??= [];
    values.push(value);
  }
  return values ?? none;
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
  // Not decodeURIComponent: it throws on bytes that are not UTF-8, where Go takes them as they are.
  return spaced.replace(/(?:%[0-9a-f]{2})+/gi, run =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
