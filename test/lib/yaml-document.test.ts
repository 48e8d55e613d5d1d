import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineCounter, parseAllDocuments, stringify } from 'yaml';
import { parseYaml } from '../../src/lib/yaml-document.js';
import { createRandom } from '../support/random.js';

/** The value of a text, or the line of its first error; as the library reads it. */
function expected(text: string): unknown {
  const lineCounter = new LineCounter();
  const options = {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
    logLevel: 'error',
  } as const;
  const [document] = parseAllDocuments(text, options);
  if (document === undefined || 'empty' in document) return { value: null };
  const positions = document.errors.map(({ pos }) => pos[0]).sort((a, b) => a - b);
  const [first] = positions;
  if (first !== undefined) return { line: lineCounter.linePos(first).line };
  try {
    return { value: document.toJS({ maxAliasCount: 1000 }) };
  } catch {
    return { line: lineCounter.linePos(document.range[0]).line };
  }
}

function actual(text: string): unknown {
  const yaml = parseYaml('file', text);
  if ('value' in yaml) return { value: yaml.value };
  return { line: Number(/^file:(\d+): /.exec(yaml.problems[0])?.[1]) };
}

/** A kubeconfig with long lists, in block or flow style. */
function longKubeconfig(random: ReturnType<typeof createRandom>, items: number): string {
  const list = (what: string, fields: (index: number) => object) =>
    Array.from({ length: items }, (_, index) => ({ name: `${what}-${index}`, [what]: fields(index) }));
  const config = {
    apiVersion: 'v1',
    clusters: list('cluster', index => ({
      server: `https://${index}`,
      extensions: Array(index % 9 === 0 ? 70 : 2).fill(index),
    })),
    users: list('user', index => ({
      token: `t"'${index}: #`,
      exec: Object.fromEntries(
        Array.from({ length: index % 9 === 1 ? 40 : 2 }, (_, key) => [`k${key}`, key]),
      ),
    })),
    'current-context': 'context-3',
  };
  const style = random.pick(['block', 'flow', 'json', 'indented'] as const);
  if (style === 'json') return JSON.stringify(config, undefined, random.pick([0, 2]));
  if (style === 'flow') return stringify(config, { collectionStyle: 'flow', lineWidth: 40 });
  return stringify(config, { indentSeq: style === 'indented', lineWidth: 40 });
}

// kubectl and kube-apiserver agree: features/authorization-webhooks/apiserver/configuration.test.ts.
it('YAML has the booleans of go-yaml where no quotes are around them', () => {
  for (const [word, value] of [
    ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map(
      word => [word, true] as const,
    ),
    ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'].map(
      word => [word, false] as const,
    ),
    ...['yEs', 'oN', 'nO', 'oFF', 'tRue', 'yes no', 'yes.', 'none'].map(word => [word, word] as const),
  ]) {
    assert.deepEqual(actual(`a: ${word}\nb: [${word}, "${word}"]`), {
      value: { a: value, b: [value, word] },
    });
    assert.deepEqual(actual(`a: '${word}'\nb: !!str ${word}\nc: |-\n  ${word}`), {
      value: { a: word, b: word, c: word },
    });
  }
});

describe('YAML', () => {
  it('has the value that the library reads, whatever its style', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const text = longKubeconfig(createRandom(seed), 1 + seed * 9);
      const document = expected(text);
      assert.ok('value' in (document as object), `seed ${seed}`);
      assert.deepEqual(actual(text), document, `seed ${seed}`);
    }
  });

  it('has an error on the same line, wherever a long text is damaged', () => {
    let damaged = 0;
    for (let seed = 1; seed <= 16; seed++) {
      const random = createRandom(seed);
      const text = longKubeconfig(random, 34);
      const at = random.below(text.length);
      const end = at + random.below(4);
      const insert = random.pick([
        ...['', ',', ' ', '\n', '- ', ': ', '[', '}', '"', '*x ', '&x ', '%', '\t', '# ', '---\n'],
      ]);
      const broken = text.slice(0, at) + insert + text.slice(end);
      const reference = expected(broken);
      if (!('value' in (reference as object))) damaged++;
      assert.deepEqual(actual(broken), reference, `seed ${seed}`);
    }
    assert.ok(damaged > 5, `${damaged} damaged texts`);
  });
});

it('YAML that is a file of brackets is rejected at the first error, before the rest is read', () => {
  for (const wrong of [']', '}', '[}', '{]', '] ']) {
    // If the rest was read, it would have too many pieces of text.
    const yaml = parseYaml('file', `a: 1\nb: []\n${wrong.repeat(600_000)}`);
    assert.ok('problems' in yaml, wrong);
    assert.match(yaml.problems[0], /^file:3: (?!more than)/);
  }
});

describe('YAML with too much text', () => {
  const reasonFor = (text: string, limits?: Parameters<typeof parseYaml>[2]) => {
    const yaml = parseYaml('file', text, limits);
    return 'problems' in yaml ? yaml.problems[0] : undefined;
  };

  it('is an error that says of what, and names the line', () => {
    const brackets = '['.repeat(90) + ']'.repeat(90);
    for (const text of [
      `a: 1\n${'\n'.repeat(1_200)}`,
      Array.from({ length: 400 }, (_, key) => `k${key}:\n`).join(''),
      // A bracket that opens a collection counts twice.
      `[${brackets}${`,${brackets}`.repeat(3)}]`,
      `a: |\n${`${' x\n'.repeat(700)}b: |\n`.repeat(2)}`,
    ])
      assert.match(
        reasonFor(text, { pieces: 1_000, aliases: 0 }) ?? '',
        /^file:\d+: more than 1000 pieces of text or lines$/,
      );
    for (const [text, problem] of [
      [`a: 1\n${'\n'.repeat(500_000)}`, /^file:\d{6}: more than 400000 pieces of text or lines$/],
      [`a: 1\nb: "${'x'.repeat(1024 * 1024)}"`, /^file:2: more than 1 MB in one value$/],
      [`a: |\n${' x\n'.repeat(400_000)}`, /^file:2: more than 1 MB in one value$/],
    ] as const) {
      assert.match(reasonFor(text) ?? '', problem);
    }
  });

  it('is no kubeconfig with 3,000 contexts, or one with a value of almost 1 MB', () => {
    const entries = (fields: string) =>
      Array.from({ length: 3_000 }, (_, index) => `- name: c${index}\n  ${fields}\n`).join('');
    const many = [
      `contexts:\n${entries('context:\n    cluster: c\n    namespace: n\n    user: u')}`,
      `clusters:\n${entries('cluster:\n    certificate-authority-data: QQ==\n    server: https://c')}`,
      `users:\n${entries('user:\n    client-certificate-data: QQ==\n    client-key-data: QQ==')}`,
    ].join('');
    assert.equal(reasonFor(many), undefined);
    assert.equal(reasonFor(`a: ${'x'.repeat(1024 * 1024 - 1)}`), undefined);
  });
});

it('YAML with a list or a map as a key is rejected at its line, before anything is made of the key', () => {
  for (const text of [
    'a: 1\n? - b\n: 1',
    'a: 1\n[b]: 1',
    'a: 1\n{b: 1}: 1',
    'a:\n- ? ? x\n',
    'a: 1\n? b:\n',
  ]) {
    assert.deepEqual(parseYaml('file', text), { problems: ['file:2: a key that is a list or a map'] }, text);
  }
  // Each of 97 keys would be written into the one around it: 30 s for 100 KB.
  assert.deepEqual(parseYaml('file', `${'? '.repeat(97)}x\n`.repeat(500)), {
    problems: ['file:1: a key that is a list or a map'],
  });
});

describe('YAML with too many levels', () => {
  const nested = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);

  it('is an error that names the line, and is found at once', () => {
    for (const text of [
      nested(101, '[', ']'),
      nested(101, '{"a":', '}').replace(':}', ':1}'),
      `a:\n${Array.from({ length: 101 }, (_, level) => `${' '.repeat(level)} b:\n`).join('')}`,
      `${'- '.repeat(101)}x`,
      nested(40_000, '[', ''),
      nested(40_000, '{"a":', ''),
      `\n\nb: ${nested(40_000, '[', ']')}`,
    ]) {
      const yaml = parseYaml('file', text);
      assert.ok('problems' in yaml, text.slice(0, 20));
      assert.match(yaml.problems[0], /^file:\d+: more than 100 levels$/);
    }
    const late = parseYaml('file', `\n\nb: ${nested(40_000, '[', ']')}`);
    assert.deepEqual(late, { problems: ['file:3: more than 100 levels'] });
  });

  it('may have 100', () => {
    for (const text of [
      nested(100, '[', ']'),
      `${'- '.repeat(100)}x`,
      nested(100, '{"a":', '}').replace(':}', ':1}'),
      nested(100, '[', ']').replace('[]', '["x"]'),
    ]) {
      assert.ok('value' in parseYaml('file', text), text.slice(0, 20));
    }
  });
});
