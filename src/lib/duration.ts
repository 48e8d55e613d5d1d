const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3,
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const term = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/** A timer of Node with a longer delay than this (24.8 days) fires at once. */
const longestDuration = 2_147_483_647;

/**
 * Parses a duration like Go's `time.ParseDuration` ("300ms", "1h30m", "-1.5s", "0"), into milliseconds. The result is limited to the
 * longest delay of a timer. Undefined if the string is not a duration. A number without a unit is not one, except 0.
 */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (body === '') return undefined;
  let milliseconds = 0;
  term.lastIndex = 0;
  while (term.lastIndex < body.length) {
    const match = term.exec(body);
    if (match === null) return undefined;
    milliseconds += Number(match[1]) * (unitMilliseconds[match[2] ?? ''] ?? Number.NaN);
  }
  return sign * Math.min(milliseconds, longestDuration);
}
