import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { program, projectFile } from '../support/project.js';

const run = promisify(execFile);
const bundle = projectFile('dist/program.js');
const compiledCode = projectFile(`dist/program-${process.version}-${process.arch}.cache`);

test('V8 uses the code that the build has compiled', async t => {
  const cachedData = await readFile(compiledCode).catch(() => undefined);
  if (cachedData === undefined) {
    t.skip('another version of Node has built dist/');
    return;
  }
  const script = new Script(await readFile(bundle, 'latin1'), { filename: bundle, cachedData });
  assert.equal(script.cachedDataRejected, false);
});

test('the bundle has only ASCII characters, each of which takes one byte of memory', async () => {
  const text = await readFile(bundle);
  assert.equal(
    text.find(byte => byte > 127),
    undefined,
  );
});

test('the program starts without compiled code, with that of another program, and with flags that do not match it', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'compiled-code-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(projectFile('dist'), join(folder, 'dist'), { recursive: true });
  await cp(projectFile('package.json'), join(folder, 'package.json'));
  const [main, cache] = [
    join(folder, 'dist/main.js'),
    compiledCode.replace(projectFile('dist'), `${folder}/dist`),
  ];
  const version = async (...flags: string[]) => {
    const { stdout, stderr } = await run(process.execPath, [...flags, main, '--version']);
    assert.equal(stderr, '');
    assert.match(stdout, /^kube-api-proxy \d/);
  };
  const other = new Script('0').createCachedData();
  await version('--max-semi-space-size=32');
  await writeFile(cache, other);
  await version();
  await writeFile(cache, other.subarray(0, 20));
  await version();
  await rm(cache);
  await version();
  assert.deepEqual(
    (await readdir(join(folder, 'dist'))).filter(
      name => name.endsWith('.cache') && name.includes(process.version),
    ),
    [],
    'a start writes nothing',
  );
});

test('with source maps a stack names the files of src', async () => {
  // The first module that the bundle imports fails to load.
  const code = `
    const fail = name => { if (name === 'node:os') throw new Error('no such module'); return require(name); };
    try { require(${JSON.stringify(bundle)})(fail, ${JSON.stringify(bundle)}); } catch (error) { console.log(error.stack); }`;
  const { stdout } = await run(process.execPath, ['--enable-source-maps', '-e', code]);
  assert.match(stdout, /no such module[\s\S]*\bsrc\/main\.ts:\d+:\d+/);
  // Then dist/main.js lets Node load the bundle.
  await run(process.execPath, ['--enable-source-maps', program, '--version']);
});

test('dist/ contains the licences of all its packages', async () => {
  const text = await readFile(projectFile('dist/THIRD-PARTY-LICENSES'), 'utf8');
  const parts = text.split(`\n\n${'-'.repeat(80)}\n\n`);
  const names = parts.map(part => part.split(' ')[0]);
  for (const name of ['fastify', '@fastify/http-proxy', 'pino', 'undici', 're2js', 'preact'])
    assert.ok(names.includes(name), name);
  for (const part of parts) assert.match(part, /^\S+ \d\S+ \([A-Z][^)]+\)(\n|$)/, part);
});
