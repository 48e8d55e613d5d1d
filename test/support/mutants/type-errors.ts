import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';

/** What the compiler also says of code that works. */
const rulesOfStyle = [
  '--noUnusedLocals',
  '--noUnusedParameters',
  '--noImplicitReturns',
  '--allowUnusedLabels',
];

/**
 * The mutants of TypeScript files that do not compile, of which nobody needs a test. `copy` is a copy of the project; each mutant is a file of
 * its own there for a moment, beside the one that it changes.
 */
export function withTypeErrors(copy: string, mutants: readonly Mutant[]): ReadonlySet<Mutant> {
  const files = new Map(mutants.map((mutant, index) => [variantOf(mutant, index), mutant]));
  for (const [file, mutant] of files) writeFileSync(join(copy, file), applied(mutant));
  const options = rulesOfStyle.flatMap(rule => [rule, String(rule.startsWith('--allow'))]);
  const { stdout } = spawnSync(
    'node_modules/.bin/tsc',
    ['-p', 'tsconfig.json', '--pretty', 'false', '--allowUnreachableCode', 'true', ...options],
    { cwd: copy, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  for (const file of files.keys()) rmSync(join(copy, file));
  const wrong = [...stdout.matchAll(/^(src\/[^(]*)\(/gm)].map(([, file = '']) => files.get(file));
  return new Set(wrong.filter(mutant => mutant !== undefined));
}

function variantOf({ fileName }: Mutant, index: number): string {
  return relative('.', fileName).replace(/\.tsx?$/, extension => `.mutant-${index}${extension}`);
}

function applied({ fileName, location: { start, end }, replacement }: Mutant): string {
  const lines = readFileSync(fileName, 'utf8').split('\n');
  const before = [...lines.slice(0, start.line), (lines[start.line] ?? '').slice(0, start.column)].join('\n');
  const after = [(lines[end.line] ?? '').slice(end.column), ...lines.slice(end.line + 1)].join('\n');
  return `${before}${replacement}${after}`;
}
