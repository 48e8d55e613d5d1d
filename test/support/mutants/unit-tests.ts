import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { importedBy } from '../imported.js';

// Which tests have to kill the mutants of a file: README.md, "The tests of a file".

/** The test file with the name of a file of src/. */
export function ownTestOf(source: string): string {
  return source.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts');
}

/** It compares the flags and metrics of all folders, and what else it imports, with their reference. */
const reference = 'test/project/reference.test.ts';

/**
 * The unit tests of a file of src/: those in its folder of test/, or in the next one above that has some, and that of the reference if it
 * defines flags or metrics, or is imported there. Tests that start a process are none of them. Paths are from the project's folder, where the program has to run.
 */
export function unitTestsOf(source: string): readonly string[] {
  const isInReference =
    /\bdefineOptions\(|\bfrom 'prom-client'/.test(readFileSync(source, 'utf8')) ||
    readFileSync(reference, 'utf8').includes(`/${source.replace(/\.ts$/, '.js')}'`);
  return [...testsNextTo(source), ...(isInReference ? [reference] : [])];
}

function testsNextTo(source: string): readonly string[] {
  for (let folder = dirname(ownTestOf(source)); folder !== '.'; folder = dirname(folder)) {
    const tests = testsIn(folder);
    if (tests.length > 0) return tests.sort();
  }
  return [];
}

function testsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter(name => name.endsWith('.test.ts'));
  return files
    .map(name => join(folder, name))
    .filter(file => !importedBy(file, ['test/']).has('node:child_process'));
}
