import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

// Writes build/groups/: each file there runs several of the test files of the command line in one process, one after the other. So src/ and
// its packages are loaded once for all of them. With a process for each test file, loading took a third of the CPU time of `npm test`. A
// file is loaded in a `describe`, after the end of the file before it, so its hooks and what it awaits are its own. There is one rule: at
// its top level, a file awaits no promise that another file has made. Otherwise Node 20 adds the tests and hooks below that line to the
// other file, which has ended: the tests fail, and the hooks never run.

/** Most files in a group. More save little, and a group has to end within --test-timeout on a slow machine too. */
const most = 8;

/** The files of each folder of test/, test/e2e/ and test/features/, as TypeScript. */
const folders = new Map<string, string[]>();
for (const file of process.argv.slice(2).sort()) {
  const source = file.replace(/^build\/(.*)\.js$/, '$1.ts');
  const [folder = ''] = /^test(?:\/(?:e2e|features))?(?:\/[^/]+(?=\/))?/.exec(source) ?? [];
  folders.set(folder, [...(folders.get(folder) ?? []), source]);
}

rmSync('build/groups', { recursive: true, force: true });
mkdirSync('build/groups');
for (const [folder, sources] of folders)
  for (let start = 0; start < sources.length; start += most) {
    const name = `${folder} ${start / most + 1}`;
    const file = `build/groups/${name.replace(/[/ ]/g, '-')}.test.js`;
    writeFileSync(
      file,
      `import { describe, test } from 'node:test';
test('${name}', async () => {
  for (const source of ${JSON.stringify(sources.slice(start, start + most), null, 2)})
    await describe(source, () => import('../' + source.replace(/ts$/, 'js')));
});
`,
    );
  }
