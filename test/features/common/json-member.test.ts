import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPlainJson, memberSpan } from '../../../src/features/common/json-member.js';
import { assertLinear } from '../../support/growth.js';

describe('the position of a member in JSON', () => {
  const rows: readonly (readonly [text: string, value: string | undefined])[] = [
    ['{}', undefined],
    ['{ }', undefined],
    ['{\n"a"\r:\t1 }', '1'],
    ['{"b":1}', undefined],
    ['{"a":1}', '1'],
    ['{"a":-1.5e3 }', '-1.5e3'],
    ['{"b":{"a":1},"a":true}', 'true'],
    ['{"b":[{"a":1}],"a" : [ {"a":"]}"} , [] ] , "c":1}', '[ {"a":"]}"} , [] ]'],
    ['{"a":"\\\\\\"","b":"\\\\"}', '"\\\\\\""'],
    ['{"b":"\\\\","a":""}', '""'],
    ['{"a":1,"a":2}', '2'],
    ['{"\\u0061":null}', 'null'],
  ];
  for (const [text, value] of rows) {
    it(`in ${text} is ${value}`, () => {
      const span = memberSpan(text, 0, 'a');
      assert.equal(span && text.slice(span.start, span.end), value);
    });
  }

  it('is found in linear time', () => {
    const shapes = [
      ...['\\\\', '\\"', 'x'].map(filler => (count: number) => `{"b":"${filler.repeat(count)}","a":1}`),
      (count: number) => `{"b":${' '.repeat(count)}1${' '.repeat(count)},"a":1}`,
    ];
    for (const shape of shapes) {
      assertLinear(
        2e6,
        count => {
          const text = shape(count);
          return () => assert.ok(memberSpan(text, 0, 'a') !== undefined);
        },
        shape(1),
      );
    }
  });
});

describe('JSON is plain', () => {
  const isPlain = (text: string, mostLevels = 4) => isPlainJson(text, JSON.parse(text), mostLevels);

  it('if no object has two members of one name, in any spelling', () => {
    for (const text of [
      ...['{}', '[]', '"a:b{"', '1', '{"a":1,"b":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":":","b":"\\\\"}'],
      '{"a\\\\":1,"a":2}',
      '{"__proto__":1,"constructor":{"a":null}}',
    ])
      assert.equal(isPlain(text), true, text);
    for (const text of [
      ...['{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '[{"b":{"a":{},"c":1,"a":{}}}]', '{"":1,"":2}'],
      ...['{"__proto__":1,"__proto__":2}', '{"a":{"b":1,"b":2},"a":{"c":1}}', '{"1":0,"1":0}'],
    ])
      assert.equal(isPlain(text), false, text);
  });

  it('if it has not too many levels', () => {
    assert.equal(isPlain('[[[{"a":"[["}]]]'), true);
    assert.equal(isPlain('[[[{"a":[]}]]]'), false);
    assert.equal(isPlain('[[],[],[],[],{},{}]'), true);
    assert.equal(isPlain(`${'['.repeat(1e6)}${']'.repeat(1e6)}`), false);
  });

  it('which is known in linear time', () => {
    for (const [filler, end] of [
      ['{"a":1},', '1'],
      ['"\\\\\\"",', '""'],
    ] as const) {
      assertLinear(1e5, count => {
        const text = `[${filler.repeat(count)}${end}]`;
        const value: unknown = JSON.parse(text);
        return () => assert.ok(isPlainJson(text, value, 4));
      });
    }
  });
});
