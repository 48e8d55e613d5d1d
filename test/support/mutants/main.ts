import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { MutantResult } from '@stryker-mutator/api/core';
import { compile } from './compile.js';
import { textOfMessage } from './messages.js';
import { describeMutant } from './mutant-text.js';
import { drawnMutants } from './plugins.js';
import { percentOf, rowOf, sumOf, tableOf } from './report.js';
import { draw, isSampled, wholeParts } from './sample.js';
import { runStryker } from './stryker.js';
import { copyForCompiler, withTypeErrors } from './type-errors.js';
import { ownTestOf, unitTestsOf } from './unit-tests.js';

// npm run mutants -- PATH…: changes the code of these files and folders of src/, one small change after the other, and says which changes
// no unit test notices. Without a PATH, those of which all mutants are to be killed. --sample N draws N mutants of all other files.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    except: { type: 'string', multiple: true, default: [] },
    concurrency: { type: 'string', default: '1' },
    force: { type: 'boolean', default: false },
    'at-least': { type: 'string', default: '0' },
  },
});

const sampleSize = values.sample === undefined ? undefined : Number(values.sample);
const sources = sampleSize === undefined ? positionals.concat(positionals.length ? [] : wholeParts) : ['src'];
const files = sources
  .flatMap(filesOf)
  .filter(
    file =>
      sampleSize === undefined || (isSampled(file) && !values.except.some(path => file.startsWith(path))),
  );

compile(files);
mkdirSync('build/mutants', { recursive: true });
const drawn = sampleSize === undefined ? undefined : await draw(files, sampleSize, values.seed);
if (drawn !== undefined) {
  const list = resolve('build/mutants/sample.json');
  writeFileSync(list, JSON.stringify(drawn));
  process.env[drawnMutants] = list;
}
const mutated = files.filter(file => drawn?.some(key => key.startsWith(`${file} `)) ?? true);

const results: MutantResult[] = [];
for (const { tests, sources } of groupsOf(mutated)) {
  const run = { sources, tests, concurrency: Number(values.concurrency), force: values.force };
  results.push(...(await runStryker({ ...run, isSample: drawn !== undefined })));
}
const living = results.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
const wrong = withTypeErrors(copyForCompiler(), living);
const programs = results.filter(
  result => !wrong.has(result) && result.status !== 'CompileError' && result.statusReason !== textOfMessage,
);
for (const mutant of living.filter(mutant => !wrong.has(mutant)).sort(byPlace)) {
  const { status, mutatorName } = mutant;
  const what = status === 'NoCoverage' ? 'no coverage' : 'survived';
  process.stdout.write(`${describeMutant(mutant)} ${what} (${mutatorName})\n`);
}
const rows = Object.fromEntries(
  mutated.map(file => [file, rowOf(programs.filter(({ fileName }) => relative('.', fileName) === file))]),
);
const total = percentOf(sumOf(Object.values(rows)));
process.stdout.write(`\n${tableOf(rows)}`);
if (total < Number(values['at-least'])) {
  process.stderr.write(
    `${total.toFixed(1)} % of the mutants are killed; ${values['at-least']} % are to be\n`,
  );
  process.exitCode = 1;
}

/** The files with code below a path of src/, or this one. */
function filesOf(path: string): readonly string[] {
  const file = relative('.', path);
  if (statSync(file).isDirectory())
    return readdirSync(file)
      .sort()
      .flatMap(name => filesOf(join(file, name)));
  return file.endsWith('.ts') && !file.endsWith('.d.ts') ? [file] : [];
}

/** The files that have the same tests, which StrykerJS runs together; tests of their own come first. */
function groupsOf(all: readonly string[]) {
  const groups = new Map<string, { tests: readonly string[]; sources: string[] }>();
  for (const file of all) {
    const tests = unitTestsOf(file);
    const key = tests.join();
    const group = groups.get(key) ?? { tests, sources: [] };
    group.sources.push(file);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ tests, sources }) => {
    const own = new Set(sources.map(ownTestOf));
    return {
      sources,
      tests: [...tests.filter(test => own.has(test)), ...tests.filter(test => !own.has(test))],
    };
  });
}

function byPlace(a: MutantResult, b: MutantResult): number {
  if (a.fileName !== b.fileName) return a.fileName < b.fileName ? -1 : 1;
  return a.location.start.line - b.location.start.line || a.location.start.column - b.location.start.column;
}
