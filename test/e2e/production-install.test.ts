import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { projectFile } from '../support/project.js';

const run = promisify(execFile);
const root = projectFile('');

/** What the image's last stages do: the JSON form of the instruction, and no shell. */
function instruction(dockerfile: string, pattern: RegExp): string[] {
  const line = pattern.exec(dockerfile)?.[1];
  assert.ok(line !== undefined, `the Dockerfile has an instruction like ${pattern}`);
  return JSON.parse(line) as string[];
}

test('the production install and start command of the Dockerfile work in an empty folder', async context => {
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  const [npm = '', ...install] = instruction(dockerfile, /^RUN (\[.*--omit=dev.*\])$/m);
  const [node, ...start] = instruction(dockerfile, /^ENTRYPOINT (\[.*\])$/m);
  assert.equal(node, 'node');
  const directory = await mkdtemp(join(tmpdir(), 'production-'));
  context.after(() => rm(directory, { recursive: true }));
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'dist']) {
    await cp(join(root, name), join(directory, name), { recursive: true });
  }

  // From npm's own cache, which `npm ci` in this repository has filled: tests use no network.
  try {
    await run(npm, [...install, '--offline'], { cwd: directory });
  } catch (error) {
    if (!/ENOTCACHED/.test((error as { stderr: string }).stderr)) throw error;
    context.skip('npm has not cached the packages');
    return;
  }
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  // The Node that runs the tests may be older than that of the image.
  const hasFlag = process.allowedNodeEnvironmentFlags.has('--disable-sigusr1');
  const args = start
    .filter(argument => hasFlag || argument !== '--disable-sigusr1')
    .map(argument => argument.replace(/^\/app\//, `${directory}/`));
  const { stdout } = await run(process.execPath, [...args, '--version'], { cwd: directory });
  assert.equal(stdout, `kube-api-proxy ${version}\n`);
  const failed = await run(process.execPath, [...args, '--kubeconfig=/missing'], { cwd: directory }).catch(
    error => error,
  );
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /\/missing/);
});

test('the image runs as a numbered user without a shell', async () => {
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  assert.match(lastStage, /^USER \d+:\d+$/m);
  assert.doesNotMatch(lastStage, /^(RUN|CMD|SHELL)/m);
  const [, major, minor, patch] = /^ARG NODE_IMAGE=node:(\d+)\.(\d+)\.(\d+)/m.exec(dockerfile) ?? [];
  // Node 22 before 22.23.3 passes header fields on that it does not count.
  assert.ok(Number(major) > 22 || (Number(major) === 22 && Number(minor) * 100 + Number(patch) >= 2303));
});
