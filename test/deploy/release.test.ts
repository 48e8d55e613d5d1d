import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { packageJson, projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** The version of the project, which is no part of another one: 30.1.0 has 0.1.0 in it. */
const version = new RegExp(`(?<![\\d.])${packageJson.version.replaceAll('.', '\\.')}(?![\\d.]*\\d)`);

/** Every file of the project that a release changes, except those that npm changes. */
async function filesWithVersion(): Promise<string[]> {
  const deployed = await readdir(projectFile('deploy'), { recursive: true, withFileTypes: true });
  const candidates = deployed
    .filter(file => file.isFile())
    .map(({ parentPath, name }) => relative(projectFile('.'), join(parentPath, name)));
  const found = ['CHANGELOG.md'];
  for (const file of ['Dockerfile', 'README.md', 'CONTRIBUTING.md', 'src/README.md', ...candidates]) {
    if (version.test(await readFile(projectFile(file), 'utf8'))) found.push(file);
  }
  return found;
}

test('npm version writes the new version wherever the old one was', async () => {
  const folder = temporaryFolder();
  const files = await filesWithVersion();
  assert.ok(files.length > 4, files.join());
  for (const file of files) await cp(projectFile(file), join(folder, file));
  const script = 'deploy/release/write-version.ts';
  assert.ok(packageJson.scripts['version']?.startsWith(`tsx ${script} && `));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...packageJson, version: '12.34.56-rc.1' }));
  const tsx = createRequire(import.meta.url).resolve('tsx');
  await promisify(execFile)(process.execPath, ['--import', tsx, projectFile(script)], { cwd: folder });
  for (const file of files) {
    const text = await readFile(join(folder, file), 'utf8');
    assert.ok(text.includes('12.34.56-rc.1'), file);
    if (file !== 'CHANGELOG.md') assert.doesNotMatch(text, version, file);
  }
  assert.match(
    await readFile(join(folder, 'CHANGELOG.md'), 'utf8'),
    /^# Changelog\n\n## Unreleased\n\n## 12\.34\.56-rc\.1, \d{4}-\d\d-\d\d\n/,
  );
});
