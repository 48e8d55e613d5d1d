import { parseDuration } from './duration.js';

/** What a text came to: its value, or one line for each thing that is wrong with it. */
type Parsed<T> = { readonly value: T } | { readonly problems: readonly string[] };

/** How an option's text is read. `placeholder` stands for the value in --help; a switch has none and takes no argument. */
export interface ValueType<T> {
  readonly placeholder: string | undefined;
  /** What joins the items of a YAML list to a text; undefined for single values. Flags of lists joined with line breaks can be repeated. */
  readonly separator: ',' | '\n' | undefined;
  /** Problems begin with `where` (a flag, an environment variable, or a file's line and key) and quote the text. */
  parse(text: string, where: string): Parsed<T>;
}

/** `read` gives a value, or the end of a sentence that begins with the quoted text. */
function valueType<T>(
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

/** Any text, shown in --help as `placeholder`. */
export function text(placeholder: string): ValueType<string> {
  return valueType(placeholder, value => ({ value }));
}

/** Texts, one for each time that the flag is set, one a line in the environment, or a YAML list. */
export function texts(placeholder: string): ValueType<readonly string[]> {
  return {
    placeholder,
    separator: '\n',
    parse: value => ({ value: value.split('\n').filter(line => line !== '') }),
  };
}

/** Names with commas between them. */
export const names: ValueType<readonly string[]> = {
  placeholder: 'NAMES',
  separator: ',',
  parse: value => ({ value: value.split(',').filter(name => name !== '') }),
};

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A switch: `--flag` or `--flag=VALUE`, where VALUE is what Go's `strconv.ParseBool` takes. */
export const bool: ValueType<boolean> = valueType(undefined, value => {
  if (truths.has(value)) return { value: true };
  return falsehoods.has(value) ? { value: false } : 'is not true or false';
});

/** A switch like `bool`; undefined if it is not set, and then other options decide. */
export const optionalBool: ValueType<boolean | undefined> = {
  placeholder: undefined,
  separator: undefined,
  parse: (value, where) => (value === '' ? { value: undefined } : bool.parse(value, where)),
};

/** A TCP port, 0 for any free one. */
export const port: ValueType<number> = valueType('PORT', value =>
  /^\d{1,9}$/.test(value) && Number(value) <= 65_535
    ? { value: Number(value) }
    : 'is not a port (0 to 65535)',
);

/** How many processes: few, for each is one. */
export const processCount: ValueType<number> = valueType('N', value =>
  /^\d{1,4}$/.test(value) ? { value: Number(value) } : 'is not a whole number (0 to 9999)',
);

/** A TCP port like `port`, or nothing for no listener. */
export const optionalPort: ValueType<number | undefined> = {
  placeholder: 'PORT',
  separator: undefined,
  parse: (value, where) => (value === '' ? { value: undefined } : port.parse(value, where)),
};

/** A whole number from 0 up, as a count of something; shown in --help as N. */
export const count: ValueType<number> = valueType('N', value =>
  /^\d{1,9}$/.test(value) ? { value: Number(value) } : 'is not a whole number from 0 up',
);

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Bytes, as a Kubernetes quantity of memory: a whole number, with a unit if need be. */
export const byteSize: ValueType<number> = valueType('SIZE', value => {
  const [, digits, unit = ''] = /^(\d{1,9})(k|M|G|Ki|Mi|Gi)?$/.exec(value) ?? [];
  return digits === undefined
    ? 'is not a size (such as 256Mi)'
    : { value: Number(digits) * (units[unit] as number) };
});

/** So many in a second: a number from 0 up, with a fraction if need be. */
export const perSecond: ValueType<number> = valueType('N', value =>
  /^\d{1,9}(\.\d{1,9})?$/.test(value) ? { value: Number(value) } : 'is not a number from 0 up',
);

const notADuration = 'is not a duration (such as 30s, 5m or 1h30m)';

function readDuration(value: string): { readonly value: number } | string {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) return notADuration;
  return milliseconds < 0 ? 'is negative' : { value: milliseconds };
}

/** A Go duration that is not negative, in milliseconds. */
export const duration: ValueType<number> = valueType('DURATION', readDuration);

/** client-go's `ParseTimeout`: a whole number of seconds or a Go duration, in milliseconds; 0 is no timeout. */
export const timeout: ValueType<number> = valueType('DURATION', value =>
  readDuration(/^[+-]?\d+$/.test(value) ? `${value}s` : value),
);

/** The interval that Go's `net.Dialer` uses when `KeepAlive` is 0, in milliseconds. */
const goDefaultKeepAlive = 15_000;

/** Go's `net.Dialer.KeepAlive` in milliseconds: 0 becomes Go's default of 15 s, and what is negative becomes 0, off. */
export const keepAlive: ValueType<number> = valueType('DURATION', value => {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) return notADuration;
  if (milliseconds < 0) return { value: 0 };
  return { value: milliseconds === 0 ? goDefaultKeepAlive : milliseconds };
});

/** A path prefix, given a leading and a trailing slash where it has none. `/-/` is the proxy's own and cannot be one. */
export const pathPrefix: ValueType<string> = valueType('PREFIX', value => {
  const rooted = value.startsWith('/') ? value : `/${value}`;
  const prefix = rooted.endsWith('/') ? rooted : `${rooted}/`;
  if (/[\s?#\\]/.test(prefix)) return 'is not a path prefix';
  return prefix.startsWith('/-/') ? "is under /-/, which holds the proxy's own endpoints" : { value: prefix };
});

/**
 * A URL to which paths are appended, without a slash at its end, or nothing. Problems do not quote the text, for it may hold a
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

/** An address to listen on; an IPv6 address loses its brackets, empty text stands for every interface. */
export const address: ValueType<string> = valueType('ADDRESS', value => {
  const host = /^\[.*\]$/.test(value) ? value.slice(1, -1) : value;
  if (/[\s/[\]]/.test(host)) return 'is not an address';
  return /^[^:]*:\d*$/.test(host) ? 'is not an address (its port belongs in --port)' : { value: host };
});

/** One of `values`, written as it stands. */
export function oneOf<const T extends string>(...values: T[]): ValueType<T> {
  return valueType<T>(values.join('|'), value => {
    const known = values.find(candidate => candidate === value);
    return known === undefined ? `is not one of ${values.join(', ')}` : { value: known };
  });
}
