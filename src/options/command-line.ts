import { parseArgs } from 'node:util';
import { bool } from '../lib/value-type.js';
import { kubectlFlags, logLevelOf, verbosity } from './kubectl-flags.js';
import type { Setting, Source } from './setting.js';
import { suggest } from './suggestion.js';
import { definitionOf, flagName, type OptionKey, optionKeys } from './table.js';

/** The options of the command line, and the flags of kubectl on it that are ignored. */
export interface CommandLine extends Source {
  /** The ignored flags, with their dashes, each once. */
  readonly ignored: readonly string[];
}

const ownFlags = [...optionKeys].map(([flag, key]) => {
  const { short, type } = definitionOf(key);
  const kind = type.placeholder === undefined ? ('boolean' as const) : ('string' as const);
  return [flag, short === undefined ? { type: kind } : { type: kind, short }] as const;
});

// kubectl treats an underscore in a flag's name as a dash (component-base's WordSepNormalizeFunc).
const parseArgsOptions = Object.fromEntries(
  [...ownFlags, ...kubectlFlags].flatMap(([flag, { type, ...short }]) => [
    [flag.replaceAll('-', '_'), { type }],
    [flag, { type, ...short }],
  ]),
);

/**
 * Reads arguments in pflag's syntax: `--flag=value`, `--flag value`, `-p 8001`, `-p8001`, `-p=8001`. A switch never takes the next argument
 * as its value. `--` ends the flags. If a flag is repeated, the last value wins, except for lists. Names cannot be abbreviated. kubectl's
 * verbosity sets --log-level, unless that is set too.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const settings = new Map<OptionKey, Setting>();
  const problems: string[] = [];
  const ignored = new Set<string>();
  let verbose: string | undefined;
  const { tokens } = parseArgs({
    args: [...argv],
    options: parseArgsOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let unknownAt: number | undefined;
  let switched: { readonly index: number; readonly flag: string } | undefined;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // An argument after an unknown flag was probably meant as its value, and may be a password.
      if (token.index - 1 === unknownAt) continue;
      const flag = token.index - 1 === switched?.index ? switched.flag : undefined;
      problems.push(unexpectedArgument(token.value, flag));
      continue;
    }
    const isLong = token.rawName.startsWith('--');
    const name = token.name.replaceAll('_', '-');
    const key = optionKeys.get(name);
    const text = isLong || (token.value?.length ?? 0) < 2 ? token.value : token.value?.replace(/^=/, '');
    const kubectlFlag = kubectlFlags.get(name);
    if (kubectlFlag !== undefined) {
      if (kubectlFlag.type === 'string' && text === undefined) problems.push(needsArgument(token.rawName));
      else if (name === verbosity) verbose = text;
      else ignored.add(`--${name}`);
    } else if (key === undefined) {
      // One argument can contain many letters. Only the first unknown letter is reported.
      if (token.index !== unknownAt) problems.push(unknownFlag(token.rawName, argv[token.index] ?? ''));
      unknownAt = token.index;
    } else if (text !== undefined) {
      const before = definitionOf(key).type.separator === '\n' ? settings.get(key) : undefined;
      const all = before === undefined ? text : `${before.text}\n${text}`;
      settings.set(key, { text: all, where: `--${flagName(key)}` });
    } else if (definitionOf(key).type.placeholder === undefined) {
      switched = { index: token.index, flag: token.rawName };
      settings.set(key, { text: 'true', where: `--${flagName(key)}` });
    } else {
      problems.push(needsArgument(token.rawName));
    }
  }
  if (verbose !== undefined) {
    const read = logLevelOf(verbose, '--v');
    if ('problem' in read) problems.push(read.problem);
    else if (read.level !== undefined && !settings.has('logLevel')) {
      settings.set('logLevel', { text: read.level, where: '--v' });
    }
  }
  return { settings, problems, ignored: [...ignored] };
}

/** Adds a hint if the argument follows a switch and was meant as its value: a switch takes a value only after an equals sign. */
function unexpectedArgument(argument: string, flag: string | undefined): string {
  const meant = flag !== undefined && 'value' in bool.parse(argument, '');
  return `unexpected argument: ${JSON.stringify(argument)}${meant ? ` (did you mean ${flag}=${argument}?)` : ''}`;
}

/** Adds a hint for -v: it is kubectl's verbosity, but the version in many other programs. */
function needsArgument(rawName: string): string {
  const hint = rawName.replace(/^-+/, '') === verbosity ? ' (such as -v=6; the version is --version)' : '';
  return `flag needs an argument: ${rawName}${hint}`;
}

function unknownFlag(rawName: string, argument: string): string {
  const name = rawName.replace(/^--?/, '');
  if (!rawName.startsWith('--')) {
    const flag = argument.replace(/^-/, '').replace(/=.*$/s, '');
    const hint = optionKeys.has(flag) ? ` (did you mean --${flag}?)` : '';
    return `unknown shorthand flag: '${name}' in -${flag}${hint}`;
  }
  const meant = suggest(name, optionKeys.keys());
  return `unknown flag: ${rawName}${meant === undefined ? '' : ` (did you mean --${meant}?)`}`;
}
