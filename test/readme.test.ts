import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { optionKeys } from '../src/options/table.js';
import { kubectl, kubectlTest } from './support/clients/kubectl.js';
import { kubectlOptions, tables, writtenTable } from './support/documents/readme-tables.js';
import { projectFile } from './support/project.js';
import { createIdleMetrics } from './support/proxy/metrics.js';

/** Every document of the project: its path, and its text. */
const documents = await Promise.all(
  (await readdir(projectFile('.'), { recursive: true, withFileTypes: true }))
    .filter(
      ({ name, parentPath }) =>
        name.endsWith('.md') && !/node_modules|\/(?:build|dist)(?:\/|$)/.test(parentPath),
    )
    .map(async ({ name, parentPath }) => {
      const path = relative(projectFile('.'), join(parentPath, name));
      return { path, text: await readFile(projectFile(path), 'utf8') };
    }),
);

function textOf(path: string): string {
  return documents.find(document => document.path === path)?.text ?? assert.fail(path);
}

/** Documents that a reader reads from beginning to end. */
const written = documents.filter(({ path }) => path !== 'CHANGELOG.md' && !path.startsWith('deploy/helm'));

test('the README is short enough to be read', () => {
  assert.ok(Buffer.byteLength(textOf('README.md')) <= 12 * 1024);
});

test('flags.md lists every flag with its default and its meaning', () => {
  assert.equal(writtenTable(textOf('deploy/reference/flags.md'), 'flags'), tables.flags());
});

kubectlTest('flags.md marks the flags that kubectl has', async () => {
  const texts = await Promise.all([kubectl(['proxy', '--help']), kubectl(['options'])]);
  const theirs = [
    ...texts
      .map(({ stdout }) => stdout)
      .join('')
      .matchAll(/^ {4}(?:-\w, )?--([\w-]+)=/gm),
  ];
  // kubectl does not list --help. Only newer versions have --as-user-extra.
  const shared = theirs
    .map(([, name = '']) => name)
    .filter(name => optionKeys.has(name) && name !== 'as-user-extra');
  assert.deepEqual([...shared, 'help'].sort(), [...kubectlOptions].sort());
});

test('metrics.md lists every metric with its type, labels and meaning', () => {
  assert.equal(writtenTable(textOf('deploy/reference/metrics.md'), 'metrics'), tables.metrics());
});

test('metrics.md lists every value of a label that a scrape has from the start', async () => {
  const text = await createIdleMetrics().registry.metrics();
  const written = textOf('deploy/reference/metrics.md');
  const values = new Set<string>();
  for (const [, labels = ''] of text.matchAll(/^kube_api_proxy_\w+\{(.*)\}/gm)) {
    for (const [, name = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g))
      if (!/^(?:le|version|node_version)$/.test(name)) values.add(value);
  }
  assert.ok(values.size > 40, [...values].join());
  for (const value of values) assert.ok(written.includes(`\`${value}\``), value);
});

/** The number of cells that GitHub shows for a row. A bar after a backslash is text, even in code; other bars in code still separate cells. */
function cellsOf(row: string): number {
  return row.replaceAll('\\|', '').split('|').length - 2;
}

test('every row of a table has as many cells as its heading', () => {
  for (const { path, text } of documents) {
    for (const table of text.match(/(?:^\|.*\n)+/gm) ?? []) {
      const [heading = '', ...rows] = table.trimEnd().split('\n');
      for (const row of rows) assert.equal(cellsOf(row), cellsOf(heading), `${path}: ${row}`);
    }
  }
});

test('each curl whose answer becomes a file writes none for an error, and prints the error', () => {
  const lines = documents.flatMap(({ text }) => text.match(/^.*\bcurl .*\/-\/kubeconfig.*$/gm) ?? []);
  const written = lines.filter(line => /> \S|<\(/.test(line));
  assert.ok(written.length >= 5);
  for (const line of written) assert.match(line, /curl -fsS /);
});

/** The name by which GitHub links to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/^##+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

test('every link from a document to a file or a heading of the project leads to one', async () => {
  let links = 0;
  for (const { path, text } of documents) {
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      links += 1;
      const file = target === '' ? path : join(dirname(path), target);
      await access(projectFile(file));
      if (anchor !== undefined)
        assert.ok(anchorsOf(textOf(file)).includes(anchor), `${path}: ${target}#${anchor}`);
    }
  }
  assert.ok(links > 80, String(links));
});

test('the table of contents of a document names its sections in their order', () => {
  for (const { path, text } of written) {
    const contents = /^Contents:([\s\S]*?)\n\n/m.exec(text)?.[1];
    if (contents === undefined) continue;
    const sections = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^## (.+)$/gm)];
    const linked = [...contents.matchAll(/\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    assert.deepEqual(
      linked,
      sections.map(([, heading = '']) => anchorOf(heading)),
      path,
    );
  }
  assert.ok(written.filter(({ text }) => text.includes('\nContents:')).length >= 12);
});
