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

/** The result of parsing a string: its value, or its problems, one line each. */
export type Parsed<T> = { readonly value: T } | { readonly problems: readonly string[] };

/**
 * How the string of an option is parsed. `placeholder` stands for the value in --help. A switch has no placeholder and takes no argument.
 */
export interface ValueType<T> {
  readonly placeholder: string | undefined;
  /**
   * The separator that joins the items of a YAML list to one string; undefined for single values. The flag of a list joined with line
   * breaks can be repeated.
   */
  readonly separator: ',' | '\n' | undefined;
  /** Problems begin with `where` (a flag, an environment variable, or a file's line and key) and quote the string. */
  parse(text: string, where: string): Parsed<T>;
}

/** A type of single values. `read` returns a value, or the end of a sentence that begins with the quoted string. */
export function valueType<T>(
  placeholder: string | undefined,
  read: (text: string) => { readonly value: T } | string,
): ValueType<T> {
  return {
    placeholder,
    separator: undefined,
    parse(text, where) {
      const result = read(text);
      return typeof result === 'string'
        ? { problems: [`${where}: ${JSON.stringify(text)} ${result}`] }
        : result;
    },
  };
}

/** A value of this type, or undefined for an empty string. */
export function optional<T>(type: ValueType<T>): ValueType<T | undefined> {
  return {
    ...type,
    parse: (value, where) => (value === '' ? { value: undefined } : type.parse(value, where)),
  };
}

/** Any string, shown in --help as `placeholder`. */
export function text(placeholder: string): ValueType<string> {
  return valueType(placeholder, value => ({ value }));
}

/**
 * A list of strings, without empty ones: by default one for each time that the flag is set, one for each line in the environment, or a YAML
 * list.
 */
export function texts(placeholder: string, separator: ',' | '\n' = '\n'): ValueType<readonly string[]> {
  const parse = (value: string) => ({ value: value.split(separator).filter(item => item !== '') });
  return { placeholder, separator, parse };
}

/** Names separated by commas. */
export const names = texts('NAMES', ',');

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A switch: `--flag` or `--flag=VALUE`, where Go's `strconv.ParseBool` accepts VALUE. */
export const bool: ValueType<boolean> = valueType(undefined, value => {
  if (truths.has(value)) return { value: true };
  return falsehoods.has(value) ? { value: false } : 'is not true or false';
});

function wholeNumber(placeholder: string, most: number, problem: string): ValueType<number> {
  const read = (value: string) =>
    /^\d{1,9}$/.test(value) && Number(value) <= most ? { value: Number(value) } : problem;
  return valueType(placeholder, read);
}

/** A TCP port; 0 means any free one. */
export const port = wholeNumber('PORT', 65_535, 'is not a port (0 to 65535)');

/** A whole number from 0 up that counts something; shown in --help as N. */
export const count = wholeNumber('N', 999_999_999, 'is not a whole number of 0 or more');

/** The end of a sentence about a string that is not a duration. */
export const notADuration = 'is not a duration (such as 30s, 5m or 1h30m)';

/** Reads a Go duration that is not negative, in milliseconds. Otherwise returns the end of a sentence that begins with the quoted string. */
export function readDuration(value: string): { readonly value: number } | string {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) return notADuration;
  return milliseconds < 0 ? 'is negative' : { value: milliseconds };
}

/** A Go duration that is not negative, in milliseconds. */
export const duration: ValueType<number> = valueType('DURATION', readDuration);

/**
 * A URL to which paths are appended, without a trailing slash, or empty. Problems do not quote the string, because it may contain a
 * password.
 */
export const optionalBaseUrl: ValueType<string> = {
  placeholder: 'URL',
  separator: undefined,
  parse(value, where) {
    if (value === '') return { value: '' };
    if (!/^https?:\/\/[^\s\\?#@/][^\s\\?#@]*$/i.test(value) || !URL.canParse(value)) {
      return { problems: [`${where} is not an http:// or https:// URL without user, query and fragment`] };
    }
    const { origin, pathname } = new URL(value);
    return { value: origin + pathname.replace(/(?<!\/)\/+$/, '') };
  },
};

/** An address to listen on. The brackets of an IPv6 address are removed. An empty string means every interface. */
export const address: ValueType<string> = valueType('ADDRESS', value => {
  const host = /^\[.*\]$/.test(value) ? value.slice(1, -1) : value;
  if (/[\s/[\]]/.test(host)) return 'is not an address';
  return /^[^:]*:\d*$/.test(host) ? 'is not an address (its port belongs in --port)' : { value: host };
});

/** One of `values`, exactly as written. */
export function oneOf<const T extends string>(...values: T[]): ValueType<T> {
  return valueType<T>(values.join('|'), value => {
    const known = values.find(candidate => candidate === value);
    return known === undefined ? `is not one of ${values.join(', ')}` : { value: known };
  });
}
