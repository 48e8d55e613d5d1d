import { readFileSync } from 'node:fs';
import type { OptionFacts } from '../authentication/method.js';
import { flagName, type OptionOwner } from '../lib/option.js';
import { describeFileError } from '../lib/read-file.js';
import { type CommandLine, parseCommandLine } from './command-line.js';
import { parseConfigFile } from './config-file.js';
import { environmentName, readEnvironment } from './environment.js';
import { factsOf, servesClusters } from './facts.js';
import {
  definitionOf,
  type OptionKey,
  type Options,
  optionKeys,
  optionOwners,
  type Setting,
  type Source,
} from './table.js';

/** The owners of options. None reads an option that there is not. */
const owners: readonly (Pick<OptionOwner, 'options'> & {
  readonly problems?: (options: Options, given: ReadonlySet<string>, facts: OptionFacts) => readonly string[];
})[] = optionOwners;

/** The sources of the options. `argv` does not include the program's name. `readFile` reads the file of --config. */
export interface OptionSources {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (file: string) => string;
}

/**
 * Returns the options, and all problems, one line each. A flag wins over the environment, the environment over the file of --config, and
 * the file over the default. Never throws: an option that cannot be parsed gets its default, so that the caller can look for more problems.
 * With --help or --version no problems are returned, because nothing else matters then.
 */
export function parseOptions({ argv, env, readFile = file => readFileSync(file, 'utf8') }: OptionSources): {
  readonly options: Options;
  readonly problems: readonly string[];
  /** The flags of kubectl that are ignored, with their dashes. */
  readonly ignored: readonly string[];
  /** The command, and what follows `--`; undefined if the program serves. */
  readonly command: CommandLine['command'];
  /** Says a problem of another part, whose sentence names flags, in the names of those who set the options. */
  readonly named: (problem: string) => string;
} {
  const flags = parseCommandLine(argv);
  const { ignored, command } = flags;
  const environment = readEnvironment(env);
  const file = readConfigFile(flags.settings.get('config') ?? environment.settings.get('config'), readFile);
  const sources = [flags, environment, file];
  const problems = sources.flatMap(source => source.problems);
  // What kubectl proxy ignores, it is given by habit; a command is not called like kubectl proxy.
  if (command !== undefined)
    problems.push(...ignored.map(flag => `${flag} has no effect with ${command.name}`));
  const values = new Map<OptionKey, Options[OptionKey]>();
  for (const key of optionKeys.values()) {
    const definition = definitionOf(key);
    const setting = sources
      .map(source => source.settings.get(key))
      .find(candidate => candidate !== undefined);
    const parsed = definition.type.parse(setting?.text ?? definition.default, setting?.where ?? key);
    if ('value' in parsed) {
      values.set(key, parsed.value);
    } else {
      problems.push(...parsed.problems);
      const fallback = definition.type.parse(definition.default, key);
      if ('value' in fallback) values.set(key, fallback.value);
    }
  }
  const parsed = Object.fromEntries(values) as Omit<Options, 'servesClusters'>;
  const options = { ...parsed, servesClusters: servesClusters(parsed) };
  const named = inNamesOfSource(flags, environment, file);
  if (options.help || options.version) return { options, problems: [], ignored, command, named };
  const given = new Set(sources.flatMap(source => [...source.settings.keys()]));
  const facts = factsOf(options, command?.name);
  return {
    options,
    problems: [
      ...problems,
      ...owners.flatMap(owner => owner.problems?.(options, given, facts) ?? []).map(named),
    ],
    ...{ ignored, command, named },
  };
}

function readConfigFile(config: Setting | undefined, readFile: (file: string) => string): Source {
  const nothing = new Map<OptionKey, Setting>();
  if (config === undefined || config.text === '') return { settings: nothing, problems: [] };
  try {
    return parseConfigFile(config.text, readFile(config.text));
  } catch (error) {
    return { settings: nothing, problems: [`${config.where}: ${config.text}: ${describeFileError(error)}`] };
  }
}

/** A text of the user in quotes, or a flag and the equals sign of its value. */
const quotedOrFlag = /"(?:[^"\\]|\\.)*"|--([a-z][a-z\d-]*)(=?)/g;

/**
 * Says a problem, whose sentence names flags, in the names of those who set the options: variables, and keys of the file, the first of them
 * with its line. An option that nobody sets gets the kind of name of the first one that somebody sets.
 */
function inNamesOfSource(flags: Source, environment: Source, file: Source): (problem: string) => string {
  const sourceOf = (key: OptionKey) => [flags, environment, file].find(({ settings }) => settings.has(key));
  return problem => {
    const keys = [...problem.matchAll(quotedOrFlag)].flatMap(([, flag = '']) => optionKeys.get(flag) ?? []);
    const usual = keys.map(sourceOf).find(source => source !== undefined);
    return problem.replaceAll(quotedOrFlag, (text, flag: string | undefined, equals: string, at: number) => {
      const key = optionKeys.get(flag ?? '');
      if (key === undefined || definitionOf(key).flagOnly === true) return text;
      const source = sourceOf(key) ?? usual;
      if (source === environment) return environmentName(key) + equals;
      if (source !== file || key === 'config') return text;
      const name = at === 0 ? (file.settings.get(key)?.where ?? flagName(key)) : flagName(key);
      return equals === '' ? name : `${name}: `;
    });
  };
}
