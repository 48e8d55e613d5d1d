import { resolve } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { withoutTypes } from './compile.js';
import { messages } from './messages.js';

const silent = {
  ...{ isTraceEnabled: () => false, isDebugEnabled: () => false, isInfoEnabled: () => false },
  ...{ isWarnEnabled: () => false, isErrorEnabled: () => false, isFatalEnabled: () => false },
  ...{ trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} },
};

/** Files with all their mutants in them, switched off, and what the mutants are. */
export interface Instrumented {
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly mutants: readonly Mutant[];
}

/** Puts the mutants into the code of these files of src/, which has no types then. Those that a comment excuses, and those of messages, have the status Ignored. */
export async function instrument(names: readonly string[]): Promise<Instrumented> {
  const files = names.map(name => ({ name: resolve(name), content: withoutTypes(name), mutate: true }));
  return new Instrumenter(silent).instrument(files, {
    ...{ plugins: null, excludedMutations: [], ignorers: [messages] },
  });
}
