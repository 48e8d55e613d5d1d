import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { features } from '../../src/features.js';
import { documents, textOf } from '../support/documents/texts.js';
import { projectFile } from '../support/project.js';

/** Documents that a reader reads from beginning to end. */
const written = documents.filter(({ path }) => path !== 'CHANGELOG.md' && !path.startsWith('deploy/helm'));

test('no page is too long to be read', () => {
  for (const { path, text } of documents) {
    const isRecord = /^CHANGELOG|reference\/(?:flags|metrics)\.md$/.test(path);
    const words = text.split(/\s+/).length;
    assert.ok(isRecord || words <= (path === 'README.md' ? 1_500 : 2_400), `${path} has ${words} words`);
  }
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

async function assertLeadsSomewhere(file: string, anchor: string | undefined, where: string): Promise<void> {
  await access(projectFile(file));
  if (anchor !== undefined)
    assert.ok(anchorsOf(textOf(file)).includes(anchor), `${where}: ${file}#${anchor}`);
}

test('every link from a document to a file or a heading of the project leads to one', async () => {
  let links = 0;
  for (const { path, text } of documents) {
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      links += 1;
      await assertLeadsSomewhere(target === '' ? path : join(dirname(path), target), anchor, path);
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

/** The paths of the project's files. */
const files = (await readdir(projectFile('.'), { recursive: true, withFileTypes: true }))
  .map(({ name, parentPath }) => `/${relative(projectFile('.'), join(parentPath, name))}`)
  .filter(path => !/^\/(?:node_modules|build|dist|\.git)\//.test(path));

/** Whether a path, or its end, is that of a file or folder. Words in capitals, and stars, stand for any name. */
function exists(path: string): boolean {
  const parts = path.replace(/\/$/, '').replaceAll(/[.+]/g, '\\$&');
  const pattern = new RegExp(`/${parts.replaceAll(/\b[A-Z]{4,}\b|\*/g, '[^/]+')}$`);
  return files.some(file => pattern.test(file));
}

test('every document and heading that code, a manifest or the chart names is there', async () => {
  let names = 0;
  for (const file of files.filter(path =>
    /^\/(?:src|test|deploy)\/.*\.(?:tsx?|yaml|tpl|txt|service)$/.test(path),
  )) {
    const text = await readFile(projectFile(`.${file}`), 'utf8');
    for (const [, path = '', anchor] of text.matchAll(
      /(?<![\w/.])((?:deploy|src|test)\/[\w/-]+\.md)(?:#([\w-]+))?/g,
    )) {
      names += 1;
      await assertLeadsSomewhere(path, anchor, file);
    }
  }
  assert.ok(names > 40, String(names));
});

for (const path of ['CONTRIBUTING.md', 'src/README.md']) {
  test(`every path in ${path} is that of a file or a folder`, () => {
    const words = [...textOf(path).matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].flatMap(([, code = '']) =>
      code.split(/\s/),
    );
    const paths = words.filter(
      word =>
        /^\.?\w[\w.*-]*(?:\/[\w.*-]*)+$|^[\w-]+\.(?:tsx?|md|grit)$/.test(word) &&
        !/^(?:build|dist)\//.test(word),
    );
    assert.ok(paths.length > 40, String(paths.length));
    assert.deepEqual(
      paths.filter(path => !exists(path)),
      [],
    );
  });
}

test('CONTRIBUTING.md lists every feature with the members by which it joins the core', async () => {
  const rows = textOf('CONTRIBUTING.md').matchAll(/^\| `features\/([\w-]+)\/` \| .* \| (.*) \| (.*)\|$/gm);
  const members = (cell: string) => [...cell.matchAll(/`(\w+)`/g)].map(([, member = '']) => member);
  const [, parts = ''] =
    /interface FeatureParts [^{]*\{([\s\S]*?)^\}/m.exec(
      await readFile(projectFile('src/feature.ts'), 'utf8'),
    ) ?? [];
  const listed = [...rows].map(([, name, ofFeature = '', ofParts = '']) => {
    for (const member of members(ofParts).filter(member => member !== 'start'))
      assert.match(parts, new RegExp(`^ {2}(?:readonly )?${member}\\b`, 'm'));
    return [name, members(ofFeature).sort()];
  });
  assert.deepEqual(
    listed,
    features.map(feature => [
      feature.name,
      Object.keys(feature)
        .filter(member => member !== 'name' && member !== 'create')
        .sort(),
    ]),
  );
});

test('README names how to run and how to test the program, and CONTRIBUTING what a commit must pass', () => {
  const [run = '', ...others] = textOf('README.md').split('npm ci && npm run demo\n');
  assert.ok(run.endsWith('```\ngit clone REPOSITORY kube-api-proxy && cd kube-api-proxy\n'));
  assert.match(
    others.join(''),
    /^```\n[^#]*```\nnpm ci && npm test\n```\n\nThis runs the tests in [^.]+ minutes [^.]+\.\n/,
  );
  assert.match(textOf('CONTRIBUTING.md'), /^npm run check {5}# /m);
});
