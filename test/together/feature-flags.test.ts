import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { features } from '../../src/features.js';
import type { OptionOwner } from '../../src/lib/option.js';
import { flagName, type OptionKey } from '../../src/options/table.js';
import { projectFile } from '../support/project.js';

type Owner = Partial<Pick<OptionOwner, 'options'>>;
type Owners = Owner & {
  readonly name: string;
  readonly guards?: readonly Owner[];
  readonly endpoints?: readonly Owner[];
};

it('no file outside the folder of a feature names one of its flags', () => {
  const files = readdirSync(projectFile('src'), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.tsx?$/.test(file))
    .map(file => ({ file, text: readFileSync(projectFile(`src/${file}`), 'utf8') }));
  for (const feature of features as readonly Owners[]) {
    const owners = [feature, ...(feature.guards ?? []), ...(feature.endpoints ?? [])];
    for (const key of owners.flatMap(({ options = {} }) => Object.keys(options))) {
      const flag = new RegExp(`--${flagName(key as OptionKey)}(?![a-z-])`);
      const naming = files.filter(
        ({ file, text }) => !file.startsWith(`features/${feature.name}/`) && flag.test(text),
      );
      assert.deepEqual(
        naming.map(({ file }) => file),
        [],
        String(flag),
      );
    }
  }
});
