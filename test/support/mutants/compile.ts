import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { build } from 'esbuild';
import { projectFile } from '../project.js';

/** The compiled file of a file of src/ or test/. */
export function compiledFile(source: string): string {
  return `build/${source.replace(/\.tsx?$/, '.js')}`;
}

/** Compiles src/ and test/ to build/, without a look at the types; then those of these files that nothing of them imports. */
export async function compile(sources: readonly string[]): Promise<void> {
  const compiler = projectFile('node_modules/.bin/tsc');
  const options = ['-p', 'test/tsconfig.json', '--noEmit', 'false', '--noCheck'];
  spawnSync(compiler, options, { stdio: 'inherit' });
  const entryPoints = sources.filter(source => !existsSync(compiledFile(source)));
  if (entryPoints.length === 0) return;
  await build({
    entryPoints,
    outbase: '.',
    outdir: 'build',
    format: 'esm',
    jsx: 'automatic',
    sourcemap: true,
  });
}
