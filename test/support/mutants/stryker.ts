import { createHash } from 'node:crypto';
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

/** Tests the mutants of the compiled files of `sources` by these tests. All that it writes is below build/mutants/. */
export async function runStryker({
  sources,
  tests,
  concurrency,
  force,
  isSample,
}: StrykerRun): Promise<MutantResult[]> {
  const testFiles = tests.map(compiledFile);
  const results = await new Stryker({
    allowEmpty: true,
    checkers: isSample ? ['sample'] : [],
    clearTextReporter: { reportScoreTable: false },
    concurrency,
    coverageAnalysis: 'perTest',
    disableTypeChecks: false,
    force,
    // What no unit test reads, and a file that Stryker reads by a part of TypeScript that version 7 has not.
    ignorePatterns: ['/dist', '/build/package', '/build/metafiles', '/build/mutants', '/tsconfig.json'],
    ignorers: ['messages'],
    incremental: !isSample,
    incrementalFile: `build/mutants/${digest(tests.join())}.json`,
    logLevel: 'warn',
    mutate: sources.map(compiledFile),
    plugins: ['@stryker-mutator/tap-runner', './build/test/support/mutants/plugins.js'],
    reporters: ['progress-append-only'],
    tap: { testFiles, nodeArgs: ['--test-reporter=tap'], forceBail: true },
    tempDirName: 'build/mutants/sandbox',
    testRunner: 'tap',
    // Beside this, a run may take twice the time of its tests.
    timeoutMS: 4000,
    timeoutFactor: 2,
  } as never).runMutationTest();
  return results;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
