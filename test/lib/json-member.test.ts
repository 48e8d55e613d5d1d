import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elementSpans, memberSpan } from '../../src/lib/json-member.js';
import { assertLinear } from '../support/growth.js';

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

  it('is that of each element of an array, too', () => {
    const rows: readonly (readonly [text: string, elements: readonly string[]])[] = [
      ['[]', []],
      ['[ ]', []],
      ['[1,2]', ['1', '2']],
      [' [ {"a":"]"} , [2, 3],"x\\"," , null ] ', ['{"a":"]"}', '[2, 3]', '"x\\","', 'null']],
    ];
    for (const [text, elements] of rows) {
      const spans = elementSpans(text, text.indexOf('['));
      assert.deepEqual(
        spans.map(({ start, end }) => text.slice(start, end)),
        elements,
      );
    }
  });

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
          return () => {
            assert.ok(memberSpan(text, 0, 'a') !== undefined);
            elementSpans(`[${text}]`, 0);
          };
        },
        shape(1),
      );
    }
  });
});
