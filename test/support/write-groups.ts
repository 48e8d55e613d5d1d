import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

// Writes build/groups/: each file there runs several of the test files of the command line in one process, one after the other. So src/ and
// its packages are loaded once for all of them. With a process for each test file, loading took a third of the CPU time of `npm test`. A
// file is loaded in a `describe`, after the end of the file before it, so its hooks and what it awaits are its own. There is one rule: at
// its top level, a file awaits no promise that another file has made. Otherwise Node 20 adds the tests and hooks below that line to the
// other file, which has ended: the tests fail, and the hooks never run.

/** Most files in a group: neighbours, by their names. More save little, and a group has to end within --test-timeout on a slow machine too. */
const most = 12;

const sources = process.argv
  .slice(2)
  .sort()
  .map(file => file.replace(/^build\/(.*)\.js$/, '$1.ts'));

rmSync('build/groups', { recursive: true, force: true });
mkdirSync('build/groups');
for (let start = 0; start < sources.length; start += most) {
  const group = sources.slice(start, start + most);
  const name = `${String(start / most + 1).padStart(2, '0')}: from ${group[0]}`;
  writeFileSync(
    `build/groups/${name.replace(/[ /:]+/g, '-').replace(/ts$/, 'js')}`,
    `import { describe, test } from 'node:test';
test('${name}', async () => {
  for (const source of ${JSON.stringify(group, null, 2)})
    await describe(source, () => import('../' + source.replace(/ts$/, 'js')));
});
`,
  );
}
