import { createHash } from 'node:crypto';
import { relative, resolve } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { compiledFile } from './compile.js';

export interface StrykerRun {
  readonly sources: readonly string[];
  readonly tests: readonly string[];
  readonly concurrency: number;
  /** Whether it tests again what an earlier run has tested. */
  readonly force: boolean;
  /** Whether it tests the mutants of `drawnMutants` alone, and remembers nothing. */
  readonly isSample: boolean;
}

/** Tests the mutants of these files of src/ by these tests, which are compiled. All that it writes is below build/mutants/. */
export async function runStryker({
  sources,
  tests,
  concurrency,
  force,
  isSample,
}: StrykerRun): Promise<MutantResult[]> {
  const testFiles = tests.map(compiledFile);
  const results: readonly MutantResult[] = await new Stryker({
    allowEmpty: true,
    checkers: isSample ? ['sample'] : [],
    clearTextReporter: { reportScoreTable: false },
    concurrency,
    coverageAnalysis: 'perTest',
    disableTypeChecks: false,
    force,
    // What no unit test reads.
    ignorePatterns: ['/dist', '/build/package', '/build/metafiles', '/build/mutants'],
    ignorers: ['messages'],
    incremental: !isSample,
    incrementalFile: `build/mutants/${digest([...tests].sort().join())}.json`,
    logLevel: 'warn',
    mutate: sources.map(compiledFile),
    plugins: ['./build/test/support/mutants/plugins.js'],
    reporters: ['progress-append-only'],
    tap: { testFiles, nodeArgs: ['--test-reporter=tap'], forceBail: true },
    tempDirName: 'build/mutants/sandbox',
    testRunner: 'ordered-tap',
    // StrykerJS reads the file by a part of TypeScript that version 7 does not have.
    tsconfigFile: 'none',
    warnings: { unknownOptions: false },
    // Beside this, a run may take twice the time of its tests.
    timeoutMS: 4000,
    timeoutFactor: 2,
  } as never).runMutationTest();
  // An earlier run has left those of other files.
  const mutated = new Set(sources.map(source => resolve(compiledFile(source))));
  return results.filter(({ fileName }) => mutated.has(fileName)).map(fromReport);
}

/** A result as one of the file of src/, with its place as the instrumenter names it; lines and columns of reports begin with 1. */
function fromReport({ fileName, location: { start, end }, ...result }: MutantResult): MutantResult {
  const place = ({ line, column }: typeof start) => ({ line: line - 1, column: column - 1 });
  const source = relative('.', fileName)
    .replace(/^build\//, '')
    .replace(/\.js$/, '.ts');
  return { ...result, fileName: resolve(source), location: { start: place(start), end: place(end) } };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
