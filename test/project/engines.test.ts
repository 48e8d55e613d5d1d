import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { projectFile } from '../support/project.js';

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

test('the check notices a package that supports only newer versions', () => {
  assert.ok(!includes('>=22', versionOf('20.19.0')));
  assert.ok(!includes('^20.19.0 || >=22.12.0', versionOf('22.11.0')));
  assert.ok(includes('^20.19.0 || >=22.12.0', versionOf('22.13.0')));
  assert.ok(!includes('20 || >=22', versionOf('21.7.0')));
  assert.ok(!includes('>=0.6 <=0.7 || >=22', versionOf('20.19.0')));
  assert.ok(includes('>=18 <=21', versionOf('20.19.0')));
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
