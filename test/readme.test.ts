import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFile } from './support/project.js';
import { tables, writtenTable } from './support/readme-tables.js';

test('the README lists every flag with its default and what it is for', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  assert.equal(writtenTable(readme, 'flags'), tables.flags());
});

test('the README lists every metric with its type, labels and meaning', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  assert.equal(writtenTable(readme, 'metrics'), tables.metrics());
});

/** How many cells GitHub makes of a row: bars with a backslash before them are text, in code too, where they do not hide bars without. */
function cellsOf(row: string): number {
  return row.replaceAll('\\|', '').split('|').length - 2;
}

test('every row of a table of the README has as many cells as its heading', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  const tables = readme.match(/(?:^\|.*\n)+/gm) ?? [];
  assert.ok(tables.length >= 4);
  for (const table of tables) {
    const [heading = '', ...rows] = table.trimEnd().split('\n');
    for (const row of rows) assert.equal(cellsOf(row), cellsOf(heading), row);
  }
});

test('every section that the README names has a heading', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  const headings = [...readme.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  const named = [...readme.matchAll(/(?<!\*)\*([A-Z][^*`|\n]+)\*(?!\*)/g)].map(([, name = '']) => name);
  assert.ok(named.length >= 8, named.join());
  for (const name of named) {
    assert.ok(
      headings.some(heading => heading === name || heading.startsWith(`${name}:`)),
      name,
    );
  }
});

test('every link from one document to a file of the project leads to one', async () => {
  for (const document of ['README.md', 'CONTRIBUTING.md', 'src/README.md']) {
    const text = await readFile(projectFile(document), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      await access(join(projectFile(document), '..', target));
    }
  }
});
