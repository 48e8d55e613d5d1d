import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { program, projectFile } from '../../support/project.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const run = promisify(execFile);

test('dist/ has only ASCII characters, each of which takes one byte of memory', async () => {
  const libraries = await readdir(projectFile('dist/node_modules'));
  assert.equal(libraries.length, 3);
  for (const file of [program, ...libraries.map(name => projectFile(`dist/node_modules/${name}/index.js`))]) {
    const text = await readFile(file);
    assert.equal(
      text.find(byte => byte > 127),
      undefined,
      file,
    );
  }
});

test('with source maps a stack names the files of src', async () => {
  const folder = temporaryFolder();
  // Without package.json, the program cannot know its version.
  await cp(projectFile('dist'), join(folder, 'dist'), { recursive: true });
  const failed = await run(process.execPath, ['--enable-source-maps', join(folder, 'dist/main.js')]).then(
    () => assert.fail('the program started'),
    (error: { readonly stderr: string }) => error.stderr,
  );
  assert.match(failed, /ENOENT[\s\S]*\bsrc\/main\.ts:\d+:\d+/);
  await run(process.execPath, ['--enable-source-maps', program, '--version']);
});
