import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { transformSync } from 'amaro';
import { projectFile } from '../project.js';

/** The compiled file of a file of src/ or test/. */
export function compiledFile(source: string): string {
  return `build/${source.replace(/\.tsx?$/, '.js')}`;
}

/**
 * Compiles src/ and test/ to build/, without a look at the types. In the code of these files of src/ each line and column stays where it is,
 * so that a mutant of the compiled file is one of the source.
 */
export function compile(sources: readonly string[]): void {
  const options = ['-p', 'test/tsconfig.json', '--noEmit', 'false', '--noCheck'];
  spawnSync(projectFile('node_modules/.bin/tsc'), options, { stdio: 'inherit' });
  for (const source of sources) {
    mkdirSync(dirname(compiledFile(source)), { recursive: true });
    writeFileSync(compiledFile(source), withoutTypes(source));
  }
}

/** The code of a file of src/ with spaces in the place of types. */
export function withoutTypes(source: string): string {
  return transformSync(readFileSync(source, 'utf8'), { mode: 'strip-only' }).code;
}
