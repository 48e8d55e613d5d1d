import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { program, projectFile } from '../../support/project.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const run = promisify(execFile);

test('dist/ has only ASCII characters, each of which takes one byte of memory', async () => {
  const libraries = await readdir(projectFile('dist/node_modules'));
  assert.ok(libraries.length >= 3, libraries.join());
  const files = ['main.js', 'program.js', ...libraries.map(name => `node_modules/${name}/index.js`)];
  for (const file of files) {
    const text = await readFile(projectFile(`dist/${file}`));
    assert.equal(
      text.find(byte => byte > 127),
      undefined,
      file,
    );
  }
});

test('with source maps a stack names the files of src', async () => {
  const folder = temporaryFolder();
  // The program cannot read its version from a file that begins with a byte order mark. Node's require(), which reads it first, can.
  await cp(projectFile('dist'), join(folder, 'dist'), { recursive: true });
  const manifest = await readFile(projectFile('package.json'), 'utf8');
  await writeFile(join(folder, 'package.json'), `\ufeff${manifest}`);
  const failed = await run(process.execPath, ['--enable-source-maps', join(folder, 'dist/main.js')]).then(
    () => assert.fail('the program started'),
    (error: { readonly stderr: string }) => error.stderr,
  );
  assert.match(failed, /SyntaxError[\s\S]*\bsrc\/main\.ts:\d+:\d+/);
  await run(process.execPath, ['--enable-source-maps', program, '--version']);
});
