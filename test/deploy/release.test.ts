import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { projectFile } from '../support/project.js';

const places = [
  'Dockerfile',
  'README.md',
  'CHANGELOG.md',
  'deploy/image/kustomization.yaml',
  'deploy/helm/kube-api-proxy/Chart.yaml',
];

test('npm version writes the new version wherever the old one is', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'release-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const file of places) await cp(projectFile(file), join(folder, file));
  const manifest = JSON.parse(await readFile(projectFile('package.json'), 'utf8')) as {
    version: string;
    scripts: Record<string, string>;
  };
  const script = 'deploy/release/write-version.ts';
  assert.ok(manifest.scripts['version']?.startsWith(`tsx ${script} && `));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, version: '12.34.56-rc.1' }));
  const tsx = createRequire(import.meta.url).resolve('tsx');
  await promisify(execFile)(process.execPath, ['--import', tsx, projectFile(script)], { cwd: folder });
  for (const file of places) {
    const text = await readFile(join(folder, file), 'utf8');
    assert.ok(text.includes('12.34.56-rc.1'), file);
    if (file !== 'CHANGELOG.md') assert.ok(!text.includes(manifest.version), file);
  }
  assert.match(
    await readFile(join(folder, 'CHANGELOG.md'), 'utf8'),
    /^# Changelog\n\n## Unreleased\n\n## 12\.34\.56-rc\.1, \d{4}-\d\d-\d\d\n/,
  );
});
