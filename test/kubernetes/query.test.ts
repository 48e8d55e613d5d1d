import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodedPair,
  hasTooManyParameters,
  isInt64,
  isTrue,
  mostParameters,
  parseQuery,
} from '../../src/kubernetes/query.js';

describe('query values', () => {
  const rows: readonly (readonly [query: string, values: readonly string[]])[] = [
    ['', []],
    ['b=1', []],
    ['a', ['']],
    ['a=', ['']],
    ['a=1&b=2&a=3', ['1', '3']],
    ['&&a=1&', ['1']],
    ['a=b=c', ['b=c']],
    ['=a', []],
    ['ab=1', []],
    ['a=x+y', ['x y']],
    ['a=x%2By', ['x+y']],
    ['%61=1', ['1']],
    ['%6=1&a=2', ['2']],
    ['a=%', []],
    ['a=%4', []],
    ['a=%e2%82%ac%21', ['€!']],
    ['a=%ff', ['\ufffd']],
    ['a=%e2%82', ['\ufffd\ufffd']],
    ['a=\xe2\x82\xac', ['€']],
    ['a=\xe2%82%ac', ['€']],
    ['a=1;b=2&a=3', ['3']],
    ['a=%3B', [';']],
    ['__proto__=1', []],
  ];
  for (const [query, values] of rows) {
    it(`of "a" in "${query}" are ${JSON.stringify(values)}`, () => {
      assert.deepEqual(parseQuery(query).get('a') ?? [], values);
    });
  }
});

it('a query pair is decoded, or may not count', () => {
  for (const [text, name, value] of [
    ['b=1', 'b', '1'],
    ['%61=x+y', 'a', 'x y'],
    ['c', 'c', ''],
    ['=d', '', 'd'],
    ['a=b=c', 'a', 'b=c'],
  ] as const) {
    assert.deepEqual(decodedPair(text), { name, value });
  }
  for (const text of ['a=1;b=2', 'a=%', '%4=1', ';']) assert.equal(decodedPair(text), undefined);
});

describe('a query', () => {
  it('has no empty pairs', () => assert.deepEqual([...parseQuery('&&a=1&')], [['a', ['1']]]));

  it('has too many parameters if there are more than 10,000, empty ones too', () => {
    assert.equal(mostParameters, 10_000);
    for (const [query, expected] of [
      ['&'.repeat(9_999), false],
      ['&'.repeat(10_000), true],
      [`a${'&'.repeat(9_999)}b`, false],
      [`${'a&'.repeat(10_000)}b`, true],
      ['a'.repeat(20_000), false],
      ['', false],
    ] as const)
      assert.equal(hasTooManyParameters(query), expected, query.slice(0, 9));
  });
});

describe('a value', () => {
  it('is true unless it says false', () => {
    for (const value of ['', '1', 'x', 'true', '00', 'xfalse', 'falsey'])
      assert.equal(isTrue(value), true, value);
    for (const value of [undefined, '0', 'false', 'FALSE', 'fal\u017fe']) assert.equal(isTrue(value), false);
  });

  it('is an integer of 64 bits', () => {
    const most = 9_223_372_036_854_775_807n;
    for (const value of [
      '0',
      '-0',
      '+1',
      `${most}`,
      `${-most - 1n}`,
      `+${'0'.repeat(30)}1`,
      `-${'0'.repeat(30)}${most}`,
    ])
      assert.equal(isInt64(value), true, value);
    for (const value of [
      '',
      '+',
      'x1',
      '1x',
      '1 ',
      '0x1',
      '1.0',
      `${most + 1n}`,
      `${-most - 2n}`,
      `1${'0'.repeat(30)}`,
    ])
      assert.equal(isInt64(value), false, value);
  });
});
