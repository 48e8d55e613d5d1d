import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

// Writes build/groups/: tests that each run several of the test files of the command line, one after the other in one process. So src/ and
// its packages are loaded once for all of them; in a process for each file, that was a third of the CPU time of `npm test`. A file is
// loaded within a `describe`, after the end of the one before it, so its hooks and what it awaits are its own. The one rule: at its top
// level a file awaits no promise that was made for another one. Node 20 would add the tests and hooks after that line to the other file's:
// the tests fail, as that file has ended, and the hooks never run.

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
