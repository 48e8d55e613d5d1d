import { parseArgs } from 'node:util';
import { definitionOf, flagName, type OptionKey, optionKeys } from '../options.js';
import type { Given, Source } from './given.js';
import { suggest } from './suggestion.js';

const parseArgsOptions = Object.fromEntries(
  [...optionKeys].map(([flag, key]) => {
    const { short, type } = definitionOf(key);
    const kind = type.placeholder === undefined ? ('boolean' as const) : ('string' as const);
    return [flag, short === undefined ? { type: kind } : { type: kind, short }];
  }),
);

/**
 * Reads arguments in pflag's syntax: `--flag=value`, `--flag value`, `-p 8001`, `-p8001`, `-p=8001`. A switch never
 * takes the next argument, `--` ends the flags, the last of several wins unless it is a list's, and names are not
 * abbreviated.
 */
export function parseCommandLine(argv: readonly string[]): Source {
  const given = new Map<OptionKey, Given>();
  const problems: string[] = [];
  const { tokens } = parseArgs({
    args: [...argv],
    options: parseArgsOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let unknownAt: number | undefined;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // What follows an unknown flag was likely meant as its value, perhaps a password.
      if (token.index - 1 !== unknownAt) problems.push(`unexpected argument: ${JSON.stringify(token.value)}`);
      continue;
    }
    const isLong = token.rawName.startsWith('--');
    const key = optionKeys.get(token.name);
    if (key === undefined) {
      // One argument can hold many letters; the first unknown one says enough.
      if (token.index !== unknownAt) problems.push(unknownFlag(token.rawName, argv[token.index] ?? ''));
      unknownAt = token.index;
    } else if (token.value !== undefined) {
      const text = isLong || token.value.length < 2 ? token.value : token.value.replace(/^=/, '');
      const before = definitionOf(key).type.separator === '\n' ? given.get(key) : undefined;
      const all = before === undefined ? text : `${before.text}\n${text}`;
      given.set(key, { text: all, where: `--${flagName(key)}` });
    } else if (definitionOf(key).type.placeholder === undefined) {
      given.set(key, { text: 'true', where: `--${flagName(key)}` });
    } else {
      problems.push(`flag needs an argument: ${token.rawName}`);
    }
  }
  return { given, problems };
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
