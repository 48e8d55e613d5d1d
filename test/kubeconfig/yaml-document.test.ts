import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineCounter, parseAllDocuments, stringify } from 'yaml';
import { parseYaml } from '../../src/kubeconfig/yaml-document.js';
import { runAtOnce } from '../../src/lib/steps.js';
import { createRandom } from '../support/random.js';

/** The value of a text, or the line of its first error; as the library reads it in one step. */
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
  const yaml = runAtOnce(parseYaml('file', text));
  if ('value' in yaml) return { value: yaml.value };
  return { line: Number(/^file:(\d+): /.exec(yaml.problems[0])?.[1]) };
}

/** A kubeconfig with lists that are longer than what is composed at once, in block or flow style. */
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

describe('YAML that is read in steps', () => {
  it('has the value that the library reads in one step, whatever its style', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const text = longKubeconfig(createRandom(seed), 1 + seed * 9);
      const document = expected(text);
      assert.ok('value' in (document as object), `seed ${seed}`);
      assert.deepEqual(actual(text), document, `seed ${seed}`);
    }
  });

  it('has aliases and merge keys across the parts of a long list', () => {
    const lines = Array.from({ length: 100 }, (_, index) =>
      index === 2
        ? '- &two {a: 1, b: 2}'
        : index % 3 === 0 && index > 2
          ? `- {<<: *two, b: ${index}}`
          : `- ${index}`,
    );
    const text = `list:\n${lines.join('\n')}\n`;
    assert.deepEqual(actual(text), expected(text));
    assert.match(JSON.stringify(actual(text)), /\{"a":1,"b":99\}/);
    // An alias before its anchor is an error.
    const early = `list:\n- *late\n${'- 1\n'.repeat(80)}- &late 2\n`;
    assert.deepEqual(actual(early), expected(early));
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

  it('yields often, however many items its lists have', () => {
    const steps = parseYaml('file', longKubeconfig(createRandom(1), 200));
    let count = 0;
    while (steps.next().done !== true) count++;
    // Some hundred steps for the tokens, and one for each 32 items of each list.
    assert.ok(count > 200, `${count} steps`);
  });
});

it('YAML that is a file of brackets is rejected at the first error, before the rest is read', () => {
  for (const wrong of [']', '}', '[}', '{]', '] ']) {
    const steps = parseYaml('file', `a: 1\nb: []\n${wrong.repeat(40_000)}`);
    let count = 0;
    for (let step = steps.next(); ; step = steps.next(), count++) {
      if (step.done !== true) continue;
      assert.ok('problems' in step.value, wrong);
      assert.match(step.value.problems[0], /^file:3: /);
      break;
    }
    assert.ok(count < 10, `${count} steps`);
  }
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
      const steps = parseYaml('file', text);
      const yaml = runAtOnce(steps);
      assert.ok('problems' in yaml, text.slice(0, 20));
      assert.match(yaml.problems[0], /^file:\d+: more than 100 levels$/);
    }
    const late = runAtOnce(parseYaml('file', `\n\nb: ${nested(40_000, '[', ']')}`));
    assert.deepEqual(late, { problems: ['file:3: more than 100 levels'] });
  });

  it('may have 100', () => {
    for (const text of [
      nested(100, '[', ']'),
      `${'- '.repeat(100)}x`,
      nested(100, '{"a":', '}').replace(':}', ':1}'),
      nested(100, '[', ']').replace('[]', '["x"]'),
    ]) {
      assert.ok('value' in runAtOnce(parseYaml('file', text)), text.slice(0, 20));
    }
  });
});
