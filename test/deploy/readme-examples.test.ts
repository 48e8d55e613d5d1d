import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { parseOptions } from '../../src/options/parse.js';
import { blocksOf, documents } from '../support/documents/texts.js';
import { projectFile } from '../support/project.js';

/** The code blocks in a language of the documents that show commands and manifests. */
function shownBlocks(language: string): string[] {
  return documents
    .filter(({ path }) => path === 'README.md' || path.startsWith('deploy/'))
    .flatMap(({ text }) => blocksOf(text, language));
}

interface Named {
  readonly kind?: string;
  readonly metadata?: { readonly name: string };
}

/** `ClusterRole kube-api-proxy` for each manifest of the text. */
function namesOf(yaml: string): string[] {
  return parseAllDocuments(yaml)
    .map(document => document.toJS() as Named | null)
    .flatMap(manifest =>
      manifest?.metadata === undefined ? [] : [`${manifest.kind} ${manifest.metadata.name}`],
    );
}

test('no manifest of the documents has the name of another one in deploy/', async () => {
  const files = await readdir(projectFile('deploy'), { recursive: true });
  const deployed = new Set<string>();
  for (const file of files.filter(name => /^(?!helm).*\.yaml$/.test(name))) {
    for (const name of namesOf(await readFile(projectFile(`deploy/${file}`), 'utf8'))) deployed.add(name);
  }
  assert.ok(deployed.has('ClusterRole kube-api-proxy:kube-api-proxy'));
  const shown = shownBlocks('yaml').flatMap(namesOf);
  assert.ok(shown.length >= 2, shown.join());
  assert.deepEqual(
    shown.filter(name => deployed.has(name)),
    [],
  );
});

/** The words of a shell command, without their quotes. */
function wordsOf(command: string): string[] {
  return (command.replaceAll('\\\n', ' ').match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map(word =>
    word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  );
}

test('the program accepts every command line of the documents, and its callers use its port', () => {
  let calls = 0;
  for (const block of shownBlocks('')) {
    const commands = block.match(/^kube-api-proxy(?= |$)(?:.*\\\n)*.*$/gm) ?? [];
    for (const command of commands) {
      const { options, problems } = parseOptions({
        argv: wordsOf(command.replace(/ &$/, '')).slice(1),
        env: {},
      });
      assert.deepEqual(problems, [], command);
      if (options.unixSocket !== '') continue;
      const callers = commands.reduce((text, whole) => text.replace(whole, ''), block);
      for (const [, scheme, port] of callers.matchAll(/(?<!"server": ")(https?):\/\/[\w.]+(?::(\d+))?/g)) {
        calls += 1;
        assert.equal(Number(port ?? (scheme === 'https' ? 443 : 80)), options.port, block);
      }
    }
  }
  assert.ok(calls >= 4, String(calls));
});
