import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RE2JS } from 're2js';
import { type RegexpList, regexpList, wholeRegexpList } from '../../src/guard/regexp-list.js';
import { optionTable } from '../../src/options/table.js';
import { assertLinear } from '../support/growth.js';
import { parsedValue } from '../support/option-value.js';

const compile = (source: string): RegexpList => parsedValue(regexpList, source);

/** kubectl's own rule: any expression of the list matches, anywhere in the text. */
function matchesPlainly(source: string, text: string): boolean {
  return source.split(',').some(expression => RE2JS.compile(expression).test(text));
}

const pieces = [
  ...['/api/', '/apis/', 'v1', '/pods/', 'pods', '/exec', 'exec', '/attach', '/', '\n', '\r'],
  ...['\u2028', 'x', ''],
  ...['localhost', '127.0.0.1', '127x0x0x1', '[::1]', '::1', 'LOCALHOST', '\u{1f600}', '\ud800', ' ', 'GET'],
];

/** The same texts in every run (the generator is mulberry32). */
function* randomTexts(count: number): Generator<string> {
  let state = 20_240_229;
  const next = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  for (let index = 0; index < count; index++) {
    const start = next(2) === 0 ? '/api/x/pods/' : '';
    yield start + Array.from({ length: next(8) }, () => pieces[next(pieces.length)] ?? '').join('');
  }
}

describe('a list of regular expressions', () => {
  const { acceptHosts, acceptPaths, rejectPaths, rejectMethods } = optionTable;
  const defaults = [acceptHosts, acceptPaths, rejectPaths, rejectMethods].map(option => option.default);
  for (const source of [...defaults, '.*', '^*$', ',x', '^localhost$', '^127\\.0\\.0\\.1$', '^\\[::1\\]$']) {
    it(`${source} matches exactly what RE2 matches, line breaks included`, () => {
      const list = compile(source);
      for (const text of ['', '/api/v1/namespaces/a/pods/b/exec', ...pieces, ...randomTexts(1000)]) {
        assert.equal(list.matches(text), matchesPlainly(source, text), JSON.stringify(text));
      }
    });
  }

  it('can require a match of the whole text, even with alternatives', () => {
    const list = parsedValue(wholeRegexpList, 'a|ab,^c$,x.*');
    for (const text of ['a', 'ab', 'c', 'x', 'xyz']) assert.ok(list.matches(text), text);
    for (const text of ['', 'b', 'aa', 'abc', 'cc', 'ax', 'x\n', 'a\n']) assert.ok(!list.matches(text), text);
    const all = parsedValue(wholeRegexpList, '.*');
    assert.deepEqual(['', 'abc', 'a\nb'].map(all.matches), [true, true, false]);
  });

  it('needs no automaton if it matches everything', () => {
    const [one, ...others] = ['.*', '^.*', '^*$'].map(source => compile(source).matches);
    for (const other of others) assert.equal(other, one);
    const whole = () => parsedValue(wholeRegexpList, '.*').matches;
    assert.equal(whole(), whole());
  });

  it('is found anywhere in the text unless it is anchored, at line breaks as in Go, and matches nothing if it is empty', () => {
    for (const [source, text, matches] of [
      ['exec', '/api/v1/namespaces/a/pods/b/exec', true],
      ['^exec', '/exec', false],
      ['^/api/.*/exec$', '/api/a\nb/exec', false],
      ['^gateway$', 'gateway\n', false],
      ['', '', false],
      ['', '/api', false],
      // As in kubectl 1.32, an empty expression between two commas matches everything.
      ['a,,b', 'zzz', true],
    ] as const)
      assert.equal(compile(source).matches(text), matches, `${source} ${text}`);
  });

  it('takes linear time for a text that makes a backtracking engine explode', () => {
    const list = compile('^(a+)+$');
    assertLinear(20_000, length => {
      const text = `${'a'.repeat(length)}!`;
      return () => assert.ok(!list.matches(text));
    });
  });

  it('names the flag and each expression that does not compile, even one that JavaScript accepts and Go rejects', () => {
    assert.deepEqual(regexpList.parse('fine,(,[a', '--accept-paths'), {
      problems: [
        '--accept-paths: "(" is not a regular expression: missing closing ): `(`',
        '--accept-paths: "[a" is not a regular expression: missing closing ]: `[a`',
      ],
    });
    for (const source of ['(?=a)', '(?<!a)b', '(a)\\1', 'a{1001}']) {
      assert.ok('problems' in regexpList.parse(source, '--flag'), source);
    }
  });
});
