import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { MutantResult } from '@stryker-mutator/api/core';
import { compile, compiledFile } from './compile.js';
import { drawnMutants } from './plugins.js';
import { FileReport, percentOf, sumOf, tableOf } from './report.js';
import { draw, isSampled, wholeParts } from './sample.js';
import { runStryker } from './stryker.js';
import { unitTestsOf } from './unit-tests.js';

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

await compile(files);
mkdirSync('build/mutants', { recursive: true });
const drawn = sampleSize === undefined ? undefined : await draw(files, sampleSize, values.seed);
if (drawn !== undefined) {
  const list = resolve('build/mutants/sample.json');
  writeFileSync(list, JSON.stringify(drawn));
  process.env[drawnMutants] = list;
}
const mutated = files.filter(file => drawn?.some(key => key.startsWith(`${compiledFile(file)} `)) ?? true);

const results = new Map<string, MutantResult[]>();
for (const { tests, sources } of groupsOf(mutated)) {
  const run = { sources, tests, concurrency: Number(values.concurrency), force: values.force };
  for (const result of await runStryker({ ...run, isSample: drawn !== undefined })) {
    const source = relative('.', result.fileName)
      .replace(/^build\//, '')
      .replace(/\.js$/, '');
    results.set(source, [...(results.get(source) ?? []), result]);
  }
}
const reports = mutated.map(file => ({
  file,
  report: new FileReport(file, results.get(file.replace(/\.tsx?$/, '')) ?? []),
}));
const rows = Object.fromEntries(reports.map(({ file, report }) => [file, report.row]));
const total = percentOf(sumOf(Object.values(rows)));
for (const { report } of reports) process.stdout.write(report.survivors.map(line => `${line}\n`).join(''));
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
  return /\.tsx?$/.test(file) && !file.endsWith('.d.ts') ? [file] : [];
}

/** The files that have the same tests, which StrykerJS runs together. */
function groupsOf(all: readonly string[]) {
  const groups = new Map<string, { tests: readonly string[]; sources: string[] }>();
  for (const file of all) {
    const tests = unitTestsOf(file);
    const key = [...tests].sort().join();
    const group = groups.get(key) ?? { tests, sources: [] };
    group.sources.push(file);
    groups.set(key, group);
  }
  return groups.values();
}
