import { readFileSync } from 'node:fs';
import { type CheckResult, CheckStatus } from '@stryker-mutator/api/check';
import type { Mutant, StrykerOptions } from '@stryker-mutator/api/core';
import {
  type commonTokens,
  declareClassPlugin,
  declareFactoryPlugin,
  declareValuePlugin,
  type Injector,
  type PluginContext,
  PluginKind,
} from '@stryker-mutator/api/plugin';
import type { DryRunOptions, TestRunner } from '@stryker-mutator/api/test-runner';
import { createTapTestRunnerFactory } from '@stryker-mutator/tap-runner';
import { messages } from './messages.js';
import { keyOf } from './mutant-text.js';

// What StrykerJS loads of this project, in its main process and in those of its checkers. It runs compiled.

/** The environment variable that names the file with the keys of the mutants to test, as JSON; without it all are tested. */
export const drawnMutants = 'DRAWN_MUTANTS';

/** Keeps the mutants of a sample. StrykerJS's ignorers leave out whole parts of the code; a checker is asked about each mutant. */
class SampleChecker {
  readonly #drawn = new Set<string>();

  async init(): Promise<void> {
    const file = process.env[drawnMutants];
    const keys: readonly string[] = file === undefined ? [] : JSON.parse(readFileSync(file, 'utf8'));
    for (const key of keys) this.#drawn.add(key);
  }

  async check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(mutants.map(mutant => [mutant.id, this.#result(mutant)]));
  }

  #result(mutant: Mutant): CheckResult {
    const fileName = mutant.fileName.replace(/\bbuild\/(src\/.*)\.js$/, '$1.ts');
    return this.#drawn.has(keyOf({ ...mutant, fileName }))
      ? { status: CheckStatus.Passed }
      : { status: CheckStatus.CompileError, reason: 'not in the sample' };
  }

  async group(mutants: Mutant[]): Promise<string[][]> {
    return [mutants.map(({ id }) => id)];
  }
}

/** The TAP runner with the tests in the order of its option, so that a mutant's own tests are the first that could kill it. */
function createRunner(injector: Injector<PluginContext>): TestRunner {
  const runner = createTapTestRunnerFactory()(injector);
  const dryRun = runner.dryRun.bind(runner);
  const { tap } = injector.resolve('options') as StrykerOptions & {
    readonly tap: { readonly testFiles: string[] };
  };
  return Object.assign(runner, {
    dryRun: (options: DryRunOptions) => dryRun({ ...options, testFiles: tap.testFiles }),
  });
}
createRunner.inject = ['$injector'] as [typeof commonTokens.injector];

export const strykerPlugins = [
  declareFactoryPlugin(PluginKind.TestRunner, 'ordered-tap', createRunner),
  declareValuePlugin(PluginKind.Ignore, 'messages', messages),
  declareClassPlugin(PluginKind.Checker, 'sample', SampleChecker),
];
