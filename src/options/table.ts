import { identity } from '../authentication/identity.js';
import { features } from '../features.js';
import { guards } from '../guard/guards.js';
import {
  defineOptions,
  flagName,
  mergeOptions,
  type OptionDefinition,
  type OptionOwner,
  type OptionValues,
  optionGroups,
} from '../lib/option.js';
import { bool, oneOf, text } from '../lib/value-type.js';
import { apiServer, credentials } from './api-server.js';
import { contexts } from './contexts.js';
import { exposure } from './exposure.js';
import { listening } from './listening.js';

const options = defineOptions('General', {
  config: { type: text('FILE'), default: '', help: 'YAML file with flag names as keys.' },
  help: { type: bool, short: 'h', default: 'false', flagOnly: true, help: 'Print this text and exit.' },
  version: { type: bool, default: 'false', flagOnly: true, help: 'Print the version and exit.' },
});

/** The options about the options: the file, the help and the version. */
const general = { options };

const loggingOptions = defineOptions('Logging', {
  logLevel: {
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    help: 'Lowest level to log. Each request is one line at info.',
  },
  logRequests: {
    type: oneOf('all', 'errors', 'none'),
    default: 'all',
    help: 'Which requests are logged: all, those that failed (4xx, 5xx or no answer), or none.',
  },
  logFormat: {
    type: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    help: 'Format of the log: json has every field, pretty one short line for each event. auto is pretty on a terminal, else json.',
  },
});

/** The options of the program's log. */
const logging = { options: loggingOptions };

/** The parts of a feature that have options: itself, and its guards. */
type OwnersIn<F> =
  | (F extends { readonly options: unknown } ? F : never)
  | (F extends { readonly guards: readonly (infer G)[] } ? G : never);

function ownersIn<
  F extends { readonly name: string } & Partial<OptionOwner> & { readonly guards?: readonly OptionOwner[] },
>(feature: F) {
  return [
    ...(feature.options ? [feature] : []),
    ...(feature.guards ?? []),
  ] as unknown as readonly OwnersIn<F>[];
}

/** The options of methods stand together, before those that are about all callers. */
function hasMethod(feature: object): boolean {
  return 'method' in feature;
}

/** All parts that have options. This is the order of the options within a group of --help. */
export const optionOwners = [
  listening,
  ...features.filter(hasMethod).flatMap(ownersIn),
  identity,
  ...guards,
  apiServer,
  contexts,
  credentials,
  logging,
  general,
  exposure,
  ...features.filter(feature => !hasMethod(feature)).flatMap(ownersIn),
] as const;

/**
 * Every option, group by group. The key is the field of `Options`. The flag is the key in kebab-case. The environment variable is
 * KUBE_API_PROXY_ and the flag in capitals. Options that kubectl 1.32 has too have the same names, letters, defaults and meanings.
 */
export const optionTable = byGroup(mergeOptions(optionOwners));

type OptionTable = typeof optionTable;

/** A field of `Options`. */
export type OptionKey = keyof OptionTable;

/**
 * The value of every option. Durations are milliseconds. Prefixes have both slashes. Strings that were not set are empty. Regular
 * expressions are their sources, which are known to compile.
 */
export type Options = OptionValues<OptionTable> & {
  /** Follows from the others: whether there may be API servers below `/clusters/`. */
  readonly servesClusters: boolean;
};

/** The key of every option by its flag name, in the table's order. */
export const optionKeys: ReadonlyMap<string, OptionKey> = new Map(
  (Object.keys(optionTable) as OptionKey[]).map(key => [flagName(key), key]),
);

/** The definition of an option, for any type of value. */
export function definitionOf(key: OptionKey): OptionDefinition<Options[OptionKey]> {
  return optionTable[key];
}

function byGroup<Table extends Readonly<Record<string, OptionDefinition<unknown>>>>(table: Table): Table {
  const entries = Object.entries(table);
  const sorted = optionGroups.flatMap(group =>
    entries.filter(([, definition]) => definition.group === group),
  );
  return Object.fromEntries(sorted) as Table;
}

/** The value of an option in one source (command line, environment or file) as a string, and where it is set. */
export interface Setting {
  readonly text: string;
  /** `--port`, `KUBE_API_PROXY_PORT` or `proxy.yaml:3: port`. */
  readonly where: string;
}

/** All settings of one source, and the problems of reading it, one line each. */
export interface Source {
  readonly settings: ReadonlyMap<OptionKey, Setting>;
  readonly problems: readonly string[];
}
