import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';
import { projectFile } from '../project.js';
import { temporaryFolder } from '../temporary-folder.js';
import { withMutant } from './mutant-text.js';

/** What the compiler also says of code that works. */
const rulesOfStyle = [
  '--noUnusedLocals',
  '--noUnusedParameters',
  '--noImplicitReturns',
  '--allowUnusedLabels',
];

/**
 * The mutants of TypeScript files that do not compile, of which nobody needs a test. `copy` is a copy of the project, or of its part
 * that the compiler needs; each mutant is a file of its own there for a moment, beside the one that it changes.
 */
export function withTypeErrors<T extends Mutant>(copy: string, mutants: readonly T[]): ReadonlySet<T> {
  const files = new Map(mutants.map((mutant, index) => [variantOf(mutant, index), mutant]));
  for (const [file, mutant] of files) writeFileSync(join(copy, file), withMutant(mutant));
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

/** A copy of what the compiler needs for src/. */
export function copyForCompiler(): string {
  const copy = temporaryFolder();
  for (const part of ['src', 'package.json', 'tsconfig.json'])
    cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(projectFile('node_modules'), join(copy, 'node_modules'));
  return copy;
}
