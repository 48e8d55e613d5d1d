import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { features } from '../../src/features.js';
import { flagName, type OptionOwner } from '../../src/lib/option.js';
import type { OptionKey } from '../../src/options/table.js';
import { projectFile } from '../support/project.js';

type Owner = Partial<Pick<OptionOwner, 'options'>>;
type Owners = Owner & {
  readonly name: string;
  readonly guards?: readonly Owner[];
  readonly endpoints?: readonly Owner[];
};

/** The flags of each feature. */
const flags = (features as readonly Owners[]).map(feature => {
  const owners = [feature, ...(feature.guards ?? []), ...(feature.endpoints ?? [])];
  const keys = owners.flatMap(({ options = {} }) => Object.keys(options) as OptionKey[]);
  return { feature: feature.name, keys };
});

/** Files that name a flag of a feature which is not theirs, with that flag. */
function naming(root: 'src' | 'test', isExempt: (file: string) => boolean): string[] {
  const files = readdirSync(projectFile(root), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.tsx?$/.test(file) && !isExempt(file))
    .map(file => ({ file, text: readFileSync(projectFile(`${root}/${file}`), 'utf8') }));
  return flags.flatMap(({ feature, keys }) => {
    const others = files.filter(({ file }) => !file.startsWith(`features/${feature}/`));
    return keys.flatMap(key => {
      const flag = flagName(key);
      const variable = `KUBE_API_PROXY_${flag.toUpperCase().replaceAll('-', '_')}`;
      const name = new RegExp(`--${flag}(?![a-z-])|${variable}(?![A-Z_])`);
      return others.filter(({ text }) => name.test(text)).map(({ file }) => `${file}: --${flag}`);
    });
  });
}

it('no file outside the folder of a feature names one of its flags', () => {
  assert.deepEqual(
    naming('src', () => false),
    [],
  );
});

/** Tests of several features and of documents, programs that are compared, the flags of the API server and of kubectl, and the three places that stand for a feature. */
const exempt =
  /^(?:together|deploy|project|bench|support\/kube-apiserver)\/|^apiserver\/kubectl\.test\.ts$|^support\/(?:proxy\/callers|certificates\/serving-files|found-clusters\/found-gateway)\.ts$/;

it('no test of the core names a flag of a feature, and no test of a feature one of another', () => {
  assert.deepEqual(
    naming('test', file => exempt.test(file)),
    [],
  );
});
