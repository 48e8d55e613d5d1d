import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { definitionOf, flagName, optionKeys } from '../src/options.js';

function flagTable(): string {
  const rows = [...optionKeys.values()].map(key => {
    const { short, type, default: value, help } = definitionOf(key);
    const flag = `--${flagName(key)}${type.placeholder === undefined ? '' : `=${type.placeholder}`}`;
    const names = short === undefined ? `\`${flag}\`` : `\`-${short}\`, \`${flag}\``;
    return `| ${names} | ${value === '' ? '' : `\`${value}\``} | ${help} |\n`;
  });
  return `| flag | default | what |\n|---|---|---|\n${rows.join('')}`;
}

test('the README lists every flag with its default and what it is for', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const written = /<!-- flags -->\n([\s\S]*?)<!-- \/flags -->/.exec(readme)?.[1];
  assert.equal(written, flagTable());
});
