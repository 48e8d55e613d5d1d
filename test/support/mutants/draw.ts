import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Mutant } from '@stryker-mutator/api/core';
import { projectFile } from '../project.js';
import { describeMutant, keyOf } from './mutant-text.js';
import { MutatedCopy, testToRun } from './mutated-copy.js';
import { shuffled } from './sample.js';

// npm run draw -- SEED SRC_FILE… --fails 'TEST_FILE:name of the test' --kept TEST_FILE…: before a test of a higher level is deleted, draws a
// mutant of these files that makes it fail, and says whether a test that is kept fails by it too. If so, it is written to drawn.md.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fails: { type: 'string', default: '' },
    kept: { type: 'string', multiple: true, default: [] },
    tries: { type: 'string', default: '40' },
  },
});
const [seed = '', ...sources] = positionals;
const before = testToRun(values.fails);
const kept = values.kept.map(testToRun);

const copy = await MutatedCopy.create(sources);
const alreadyFails = await copy.failure(before, undefined);
if (alreadyFails !== undefined) end(`${before.file} fails without a mutant: ${alreadyFails}`);
const covered = new Map(copy.covered().map(mutant => [keyOf(mutant), mutant]));
for (const test of kept) {
  const failure = await copy.failure(test, undefined);
  if (failure !== undefined) end(`${test.file} fails without a mutant: ${failure}`);
}
process.stdout.write(`${covered.size} mutants of these files run in ${before.file}\n`);
const mutants = shuffled([...covered.keys()], seed).slice(0, Number(values.tries));
for (const key of mutants) {
  const mutant = covered.get(key) as Mutant;
  const failure = await copy.failure(before, mutant);
  process.stdout.write(`${failure === undefined ? 'passes' : 'fails'} with ${describeMutant(mutant)}\n`);
  if (failure === undefined) continue;
  await judge(mutant, failure);
  process.exit();
}
end(`none of ${mutants.length} mutants makes it fail; see whether these files are what it is about`);

async function judge(mutant: Mutant, failure: string): Promise<void> {
  for (const test of kept) {
    const keptFailure = await copy.failure(test, mutant);
    process.stdout.write(
      `  ${test.file} ${keptFailure === undefined ? 'passes' : `fails: ${keptFailure}`}\n`,
    );
    if (keptFailure === undefined) continue;
    const cells = [
      describeMutant(mutant),
      `${before.file}: ${before.name ?? failure}`,
      `${test.file}: ${keptFailure}`,
    ];
    const row = `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    appendFileSync(projectFile('test/support/mutants/drawn.md'), `${row}\n`);
    return;
  }
  end('no kept test fails by this mutant: add a case to one of them, and draw again with the same seed');
}

function end(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
