import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { transform } from 'esbuild';
import { packageJson, projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';

type Version = readonly [major: number, minor: number, patch: number];

interface Package {
  readonly engines?: { readonly node?: string };
  readonly hasInstallScript?: boolean;
}

const { packages: all } = JSON.parse(await readFile(projectFile('package-lock.json'), 'utf8')) as {
  packages: Record<string, Package>;
};
const { '': own, ...packages } = all;

function versionOf(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(part => Number.parseInt(part, 10) || 0);
  return [major, minor, patch];
}

function isAtLeast(version: Version, least: Version): boolean {
  const at = version.findIndex((part, index) => part !== least[index]);
  return at === -1 || (version[at] ?? 0) > (least[at] ?? 0);
}

/** Whether a range contains this version. It knows only the syntax that package-lock.json uses: `^20.19.0 || >=22.12 <=24 || 18`. */
function includes(range: string, version: Version): boolean {
  return range.split('||').some(part =>
    part
      .trim()
      .split(/\s+(?=[<>])/)
      .every(comparator => {
        const [, operator = '', text = ''] =
          /^(\^|[<>]=|)\s*([\d.x]+)$/.exec(comparator) ?? assert.fail(range);
        const bound = versionOf(text);
        if (operator === '<=') return isAtLeast(bound, version);
        return isAtLeast(version, bound) && (operator === '>=' || version[0] === bound[0]);
      }),
  );
}

test('every package supports the oldest versions of Node.js that package.json names, and README names the same', async () => {
  const oldest = (own?.engines?.node ?? '').split(' || ').map(part => part.replace(/^\D+/, ''));
  assert.deepEqual(oldest, ['20.19.0', '22.13.0', '24']);
  for (const [name, { engines }] of Object.entries(packages)) {
    for (const version of engines?.node === undefined ? [] : oldest) {
      assert.ok(includes(engines?.node ?? '', versionOf(version)), `${name} for Node.js ${version}`);
    }
  }
  const readme = await readFile(projectFile('README.md'), 'utf8');
  assert.match(readme, /^You need Node\.js 20\.19\+, 22\.13\+ or 24\+\.$/m);
});

test('a version of Node.js that is too old is told in one sentence, with those that work, before anything else is loaded', async () => {
  const run = async (version: string) => {
    const asVersion = join(temporaryFolder(), 'as-version.cjs');
    // Without this function of Node.js 20, the program itself could not be loaded.
    await writeFile(
      asVersion,
      `Object.defineProperty(process, 'versions', { value: { node: '${version}' } });
       if (${version.startsWith('18.')}) delete Array.prototype.toSorted;`,
    );
    const args = ['--require', asVersion, projectFile('dist/main.js'), '--version'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return [status, stdout, stderr];
  };
  for (const version of ['6.17.1', '18.20.8', '20.18.3', '22.12.0', '23.11.1']) {
    const sentence = `kube-api-proxy: Node.js ${version} is not supported: use 20.19+, 22.13+ or 24+\n`;
    assert.deepEqual(await run(version), [1, '', sentence]);
  }
  for (const version of ['20.19.0', '22.13.0', '24.0.0', '100.0.0'])
    assert.deepEqual(await run(version), [0, `kube-api-proxy ${packageJson.version}\n`, ''], version);
});

test('a build and npm ci say it too, and Node.js 10 can parse the file that says it', async () => {
  assert.match(packageJson.scripts['build'] ?? '', /^node src\/node-version\.cjs && /);
  for (const script of ['prestart', 'predemo'])
    assert.equal(packageJson.scripts[script], 'npm run build --silent');
  assert.match(await readFile(projectFile('.npmrc'), 'utf8'), /^engine-strict=true$/m);
  const text = await readFile(projectFile('dist/main.js'), 'utf8');
  const [asItIs, forOld] = await Promise.all(
    ['esnext', 'node10'].map(async target => (await transform(text, { target })).code),
  );
  assert.equal(forOld, asItIs);
});

test('package.json decides about the install script of every package, so that npm does not warn of it', async () => {
  const { allowScripts } = JSON.parse(await readFile(projectFile('package.json'), 'utf8')) as {
    allowScripts: Record<string, boolean>;
  };
  const withScript = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(
    withScript.map(([path]) => path.replace(/^.*node_modules\//, '')).sort(),
    Object.keys(allowScripts).sort(),
  );
  // The build needs none of them, as in the image, where `npm ci --ignore-scripts` runs.
  assert.ok(Object.values(allowScripts).every(isAllowed => !isAllowed));
});
