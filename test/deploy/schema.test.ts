import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { kubectlTest } from '../support/clients/kubectl.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Manifest, only, render } from './manifests.js';

const compiler = projectFile('node_modules/.bin/tsc');

/** The folder with the types of Kubernetes 1.30's objects. */
const types = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));

/** `kubernetes-types` has a folder for each API group, by its first label; the group without a name is `core`. */
function moduleOf(apiVersion: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `kubernetes-types/${group?.split('.')[0]}/${version}`;
}

/**
 * TypeScript's errors for sets of objects, written as literals of their types: unknown fields, missing ones, wrong types. Those are what an
 * API server of that version reports under strict field validation. Each error begins with the set's name.
 */
async function complaints(sets: Readonly<Record<string, readonly Manifest[]>>): Promise<string[]> {
  const folder = temporaryFolder();
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      paths: { 'kubernetes-types/*': [`${types}/*`] },
    },
    files: Object.keys(sets).map(name => `${name}.ts`),
  };
  for (const [name, manifests] of Object.entries(sets)) {
    const source = manifests.map(
      (manifest, index) =>
        `import type { ${manifest.kind} as T${index} } from '${moduleOf(manifest.apiVersion)}';\n` +
        `export const m${index}: T${index} = ${JSON.stringify(manifest, null, 1)};\n`,
    );
    await writeFile(join(folder, `${name}.ts`), source.join('\n'));
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, error } = spawnSync(compiler, ['-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
    cwd: folder,
  });
  assert.equal(error, undefined);
  return stdout.split('\n').filter(line => line !== '');
}

const folders = ['sidecar', 'gateway'] as const;

kubectlTest(
  'every object of deploy/ is valid for Kubernetes 1.30, uses only API versions that every one from 1.30 on serves, and would not be with a misspelt field',
  async () => {
    const sets: Record<string, Manifest[]> = {};
    for (const folder of folders) {
      sets[folder] = await render(folder);
      const misspelt = await render(folder);
      Object.assign(only(misspelt, 'Deployment').spec.template.spec, { terminationGracePeriodSecond: 1 });
      sets[`${folder}-misspelt`] = misspelt;
    }
    // The compiler takes a second, so one run reads everything.
    const told = await complaints(sets);
    assert.deepEqual(
      told.map(line => /^(.*)\.ts\(.*(terminationGracePeriodSecond)/.exec(line)?.slice(1) ?? line).sort(),
      folders.map(folder => [`${folder}-misspelt`, 'terminationGracePeriodSecond']).sort(),
    );
    const stable = new Set([
      ...['v1', 'apps/v1', 'autoscaling/v2', 'networking.k8s.io/v1', 'policy/v1'],
      'rbac.authorization.k8s.io/v1',
    ]);
    for (const { apiVersion, kind } of folders.flatMap(folder => sets[folder] ?? []))
      assert.ok(stable.has(apiVersion), kind);
  },
);
