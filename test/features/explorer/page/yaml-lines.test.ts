import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { lineText, yamlLines } from '../../../../src/features/explorer/page/text/yaml-lines.js';

function textOf(value: unknown): string {
  return `${yamlLines(value).map(lineText).join('\n')}\n`;
}

describe('an object as YAML', () => {
  it('is written as kubectl prints it: lists below their key, empty lists and maps in one line', () => {
    const value = {
      a: 1,
      list: [{ name: 'x', ports: [1, 2], deep: { er: true } }, 'text', [['y']], {}, []],
      map: { empty: {}, none: [], nothing: null, quoted: 'true', number: '12', block: 'one\ntwo\n' },
    };
    assert.equal(
      textOf(value),
      `a: 1
list:
- name: x
  ports:
  - 1
  - 2
  deep:
    er: true
- text
-
  -
    - "y"
- {}
- []
map:
  empty: {}
  none: []
  nothing: null
  quoted: "true"
  number: "12"
  block: |
    one
    two
`,
    );
  });

  it('has the same value as the object, in YAML 1.2 and in 1.1', () => {
    const words = String.raw`# ~ null yes NO on 1e3 0x1f 0o7 1_000 .5 1:30 2001-01-01 = @a %a &a *a !a | > ' " { [a , ? --- ... \ \n`;
    for (const text of [
      ...words.split(' '),
      ...['', ' ', 'a: b', '- a', 'a #b', '`a', 'a\nb', 'a\n\nb\n', '\na', ' a\nb', 'a \nb\n\n', 'a\r\nb'],
      ...['\ttab', 'a\ttab', '\u0000', '\u0085', '\u2028x', '<script>alert(1)</script>', '🙂'],
      ...['key with: colon and # hash', '- - -', 'a\n  b\n c', '---\na', 'trailing\n\n\n', 'x'.repeat(300)],
    ]) {
      const value = { k: text, list: [text, { [text]: text }, [text]], [text]: { [text]: [text] } };
      assert.deepEqual(parse(textOf(value)), value, JSON.stringify(text));
      assert.deepEqual(parse(textOf(value), { version: '1.1' }), value, JSON.stringify(text));
    }
    const values =
      '[0, -1.5, 1e21, true, false, null, [], {}, [[]], [{}], [[[1]], [[2, 3]]], "text", "a\\nb"]';
    for (const value of JSON.parse(values)) assert.deepEqual(parse(textOf(value)), value);
  });

  it('has the path of each line, and marks lines that have others below them', () => {
    const lines = yamlLines({ a: [{ b: 'x\ny' }], c: { d: 1 } });
    assert.deepEqual(
      lines.map(line => [lineText(line), line.path.join('.'), line.hasChildren]),
      [
        ['a:', 'a', true],
        ['- b: |-', 'a.0.b', false],
        ['    x', 'a.0.b', false],
        ['    y', 'a.0.b', false],
        ['c:', 'c', true],
        ['  d: 1', 'c.d', false],
      ],
    );
  });
});
