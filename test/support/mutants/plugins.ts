import { readFileSync } from 'node:fs';
import { type CheckResult, CheckStatus } from '@stryker-mutator/api/check';
import type { Mutant } from '@stryker-mutator/api/core';
import { declareClassPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';
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

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'messages', messages),
  declareClassPlugin(PluginKind.Checker, 'sample', SampleChecker),
];
