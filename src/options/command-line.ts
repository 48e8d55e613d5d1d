import { parseArgs } from 'node:util';
import { flagName } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import { commands } from './facts.js';
import { suggest } from './suggestion.js';
import { definitionOf, type OptionKey, optionKeys, type Setting, type Source } from './table.js';

/** How a flag is written: as `--name VALUE`, or as a switch. */
interface KubectlFlag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
}

/** The name of kubectl's verbosity flag. */
export const verbosity = 'v';

/**
 * The global flags of kubectl (`kubectl options` of 1.32, and --kuberc of 1.33) that are not options here. They are accepted so that a
 * kubectl command line works unchanged. Only the verbosity has a meaning for a long-running proxy.
 */
export const kubectlFlags: ReadonlyMap<string, KubectlFlag> = new Map<string, KubectlFlag>([
  [verbosity, { type: 'string', short: 'v' }],
  ['cache-dir', { type: 'string' }],
  ['disable-compression', { type: 'boolean' }],
  ['kuberc', { type: 'string' }],
  ['log-flush-frequency', { type: 'string' }],
  ['match-server-version', { type: 'boolean' }],
  ['namespace', { type: 'string', short: 'n' }],
  ['profile', { type: 'string' }],
  ['profile-output', { type: 'string' }],
  ['vmodule', { type: 'string' }],
  ['warnings-as-errors', { type: 'boolean' }],
]);

/** kubectl logs each request from this verbosity on. */
const requestsLogged = 6;

/** The command that the first argument names. */
interface CalledCommand {
  readonly name: string;
  /** What follows `--`; undefined without it. */
  readonly args: readonly string[] | undefined;
}

/** The options of the command line, and the flags of kubectl on it that are ignored. */
export interface CommandLine extends Source {
  /** The command, and what follows `--`; undefined if the program serves. */
  readonly command: CalledCommand | undefined;
  /** The ignored flags, with their dashes, each once. */
  readonly ignored: readonly string[];
}

const ownFlags = [...optionKeys].map(([flag, key]) => {
  const { short, type } = definitionOf(key);
  const kind = type.placeholder === undefined ? ('boolean' as const) : ('string' as const);
  return [flag, short === undefined ? { type: kind } : { type: kind, short }] as const;
});

const parseArgsOptions = Object.fromEntries([...ownFlags, ...kubectlFlags]);

/**
 * Reads arguments in pflag's syntax: `--flag=value`, `--flag value`, `-p 8001`, `-p8001`, `-p=8001`. A switch never takes the next argument
 * as its value: kubectl ignores that argument, which is accepted here only if it means the same, as in `--disable-filter true`. `--` ends the flags; what follows it is a command's, if the first argument is the name of one. If a flag is repeated, the last value wins, except for lists. Names cannot be abbreviated. kubectl's
 * verbosity sets --log-level, unless that is set too.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const name = commands.find(command => command.name === argv[0])?.name;
  if (name === undefined) return { ...parseFlags(argv), command: undefined };
  const { rest, ...flags } = parseFlags(argv.slice(1), 1);
  return { ...flags, command: { name, args: rest } };
}

/** @param skipped How many arguments there are before these. With some, what follows `--` is `rest`. */
function parseFlags(argv: readonly string[], skipped = 0) {
  const settings = new Map<OptionKey, Setting>();
  const problems: string[] = [];
  const ignored = new Set<string>();
  let verbose = '0';
  const { tokens } = parseArgs({
    args: [...argv],
    options: parseArgsOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let unknownAt: number | undefined;
  let switchedAt: number | undefined;
  let flagBefore: string | undefined;
  let rest: readonly string[] | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      // An argument after an unknown flag was probably meant as its value.
      if (token.index - 1 === unknownAt) continue;
      const meant = token.index - 1 === switchedAt ? booleanOf(token.value) : undefined;
      const isProxy = token.index === 0 && token.value === 'proxy';
      if (isProxy) problems.push(notKubectl);
      else if (meant !== true)
        problems.push(unexpectedArgument(skipped + token.index + 1, flagBefore, meant));
      continue;
    }
    // One argument can contain many letters. What follows the first unknown one may be a part of a password.
    if (token.index === unknownAt) continue;
    flagBefore = token.kind === 'option-terminator' ? '--' : token.rawName;
    if (token.kind === 'option-terminator') {
      if (skipped === 0) continue;
      rest = argv.slice(token.index + 1);
      break;
    }
    const isLong = token.rawName.startsWith('--');
    const { name } = token;
    const key = optionKeys.get(name);
    const text = isLong || (token.value?.length ?? 0) < 2 ? token.value : token.value?.replace(/^=/, '');
    const kubectlFlag = kubectlFlags.get(name);
    if (kubectlFlag !== undefined) {
      if (kubectlFlag.type === 'string' && text === undefined) problems.push(needsArgument(token.rawName));
      else if (name === verbosity) verbose = text as string;
      else ignored.add(`--${name}`);
    } else if (key === undefined) {
      problems.push(unknownFlag(token.rawName, argv[token.index] ?? ''));
      unknownAt = token.index;
    } else if (text !== undefined) {
      const before = definitionOf(key).type.separator === '\n' ? settings.get(key) : undefined;
      const all = before === undefined ? text : `${before.text}\n${text}`;
      settings.set(key, { text: all, where: `--${flagName(key)}` });
    } else if (definitionOf(key).type.placeholder === undefined) {
      switchedAt = token.index;
      settings.set(key, { text: 'true', where: `--${flagName(key)}` });
    } else {
      problems.push(needsArgument(token.rawName));
    }
  }
  if (!/^[+-]?\d{1,9}$/.test(verbose)) problems.push(`--v: ${JSON.stringify(verbose)} is not a number`);
  else if (Number(verbose) >= requestsLogged && !settings.has('logLevel')) {
    settings.set('logLevel', { text: 'debug', where: '--v' });
  }
  return { settings, problems, ignored: [...ignored], rest };
}

/** For `kubectl proxy …` with the name of this program in place of kubectl. */
const notKubectl = 'unexpected argument "proxy": leave it out, this program is the proxy';

function booleanOf(text: string): boolean | undefined {
  const parsed = bool.parse(text, '');
  return 'value' in parsed ? parsed.value : undefined;
}

/**
 * Does not quote the argument, which may be a part of a password: `--token $TOKEN` has one if there is a space in it.
 *
 * @param position Of the argument; the first one is 1.
 * @param after The flag before it; undefined if there is none.
 * @param meant Its value, if it stands directly after a switch and is one: a switch takes a value only after an equals sign.
 */
function unexpectedArgument(position: number, after: string | undefined, meant: boolean | undefined): string {
  const where = after === undefined ? '' : `, after ${after},`;
  const hint = meant === undefined ? '' : ` (did you mean ${after}=${meant}?)`;
  return `argument ${position}${where} is not a flag${hint}`;
}

/** Quotes only the letter of an argument with one dash, which may be a password. */
function unknownFlag(rawName: string, argument: string): string {
  const name = rawName.replace(/^--?/, '');
  if (!rawName.startsWith('--')) {
    const flag = argument.replace(/^-/, '').replace(/=.*$/s, '');
    const hint = optionKeys.has(flag) ? ` (did you mean --${flag}?)` : '';
    return `unknown shorthand flag: '${name}'${hint}`;
  }
  const meant = suggest(name, optionKeys.keys());
  return `unknown flag: ${rawName}${meant === undefined ? '' : ` (did you mean --${meant}?)`}`;
}

function needsArgument(rawName: string): string {
  return `flag needs an argument: ${rawName}`;
}
