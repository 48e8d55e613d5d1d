import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';
import { projectFile } from '../project.js';
import { temporaryFolder } from '../temporary-folder.js';
import { compiledFile } from './compile.js';
import { instrument } from './instrument.js';
import { copyForCompiler, withTypeErrors } from './type-errors.js';

/** A test file of test/, and the name of one test in it. */
export interface TestToRun {
  readonly file: string;
  readonly name: string | undefined;
}

/** `test/a.test.ts:the name of a test`, or without a name. */
export function testToRun(text: string): TestToRun {
  const [, file = text, name] = /^(.*?\.ts):(.*)$/.exec(text) ?? [];
  return { file, name };
}

/**
 * A copy of the project in a temporary folder, its program built and its tests compiled, in which each mutant of some files can be switched
 * on. So the tests that drive dist/ have it too.
 */
export class MutatedCopy {
  readonly #folder: string;
  readonly #mutants: readonly Mutant[];

  private constructor(folder: string, mutants: readonly Mutant[]) {
    this.#folder = folder;
    this.#mutants = mutants;
  }

  static async create(sources: readonly string[]): Promise<MutatedCopy> {
    if (!existsSync(projectFile('dist/main.js'))) throw new Error('dist/ is missing: npm run build');
    const folder = temporaryFolder();
    const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
    for (const file of stdout.trim().split('\n').filter(existsSync)) cpSync(file, join(folder, file));
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const { files, mutants } = await instrument(sources);
    for (const { name, content } of files) writeFileSync(join(folder, relative('.', name)), content);
    mkdirSync(join(folder, 'covered'));
    writeFileSync(join(folder, 'switch.cjs'), switchCode);
    await run(folder, 'node_modules/.bin/tsc', [
      '-p',
      'test/tsconfig.json',
      '--noEmit',
      'false',
      '--noCheck',
    ]);
    await run(folder, 'node_modules/.bin/tsx', ['deploy/release/bundle.ts']);
    const main = readFileSync(join(folder, 'dist/main.js'), 'utf8');
    const switched = main.replace(
      "'use strict';",
      text => `${text}require(${JSON.stringify(join(folder, 'switch.cjs'))});`,
    );
    writeFileSync(join(folder, 'dist/main.js'), switched);
    return new MutatedCopy(
      folder,
      mutants.filter(({ status }) => status !== 'Ignored'),
    );
  }

  /**
   * The mutants whose code has run since the start, in the tests' processes and in the programs that they started. Those that do not compile
   * are none of them.
   */
  covered(): readonly Mutant[] {
    const folder = join(this.#folder, 'covered');
    const lists = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
    const ids = new Set(lists.flatMap(list => list.split(' ')));
    const covered = this.#mutants.filter(({ id }) => ids.has(id));
    const wrong = withTypeErrors(copyForCompiler(), covered);
    return covered.filter(mutant => !wrong.has(mutant));
  }

  /** Runs a test with a mutant, or without one, and returns the name of the first test that fails, or undefined if all pass. */
  async failure({ file, name }: TestToRun, mutant: Mutant | undefined): Promise<string | undefined> {
    writeFileSync(join(this.#folder, 'active'), mutant?.id ?? '');
    const only =
      name === undefined ? [] : [`--test-name-pattern=${name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`];
    const args = ['-r', './switch.cjs', '--test-reporter=tap', ...only, compiledFile(file)];
    const { output, code } = await run(this.#folder, process.execPath, args);
    if (!/^ *ok \d+ - (?!.*# SKIP)/m.test(output) && !/^ *not ok/m.test(output) && code === 0) {
      throw new Error(`${file} has no test${name === undefined ? '' : ` named "${name}"`} that runs here`);
    }
    const failed = /^ *not ok \d+ - (.*)$/m.exec(output)?.[1];
    return failed ?? (code === 0 ? undefined : `it ends with ${code}`);
  }
}

/**
 * What each process of the copy loads first: which mutant is on, and, if none is, which ones have run. Each is written at once, because a
 * signal may end a process at any place.
 */
const switchCode = `
const { openSync, readFileSync, writeSync } = require('node:fs');
const activeMutant = readFileSync(__dirname + '/active', 'utf8');
const space = (globalThis.__stryker__ = activeMutant === '' ? {} : { activeMutant });
if (activeMutant === '') {
  const list = openSync(__dirname + '/covered/' + process.pid, 'a');
  const set = (counts, id, count) => {
    if (!(id in counts)) writeSync(list, id + ' ');
    counts[id] = count;
    return true;
  };
  space.mutantCoverage = { static: new Proxy({}, { set }), perTest: {} };
}
`;

/** Runs a command to its end, or until a test has failed or three minutes are over; then all that it started ends with it. */
function run(
  cwd: string,
  command: string,
  args: readonly string[],
): Promise<{ output: string; code: number | null }> {
  const env = { ...process.env };
  delete env['NODE_TEST_CONTEXT'];
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (signal: NodeJS.Signals) => {
    try {
      process.kill(-(child.pid as number), signal);
    } catch {
      // It has ended.
    }
  };
  const timer = setTimeout(end, 180_000, 'SIGKILL');
  let output = '';
  child.stderr.resume();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (!/^ *not ok .*\n/m.test(output)) return;
    end('SIGTERM');
    setTimeout(end, 2_000, 'SIGKILL').unref();
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    // A program that a test has left behind would keep the output open.
    child.once('exit', () => end('SIGKILL'));
    child.once('close', code => {
      clearTimeout(timer);
      done({ output, code });
    });
  });
}
