import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
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
    ['a=b=c', ['b=c']],
    ['=a', []],
    ['ab=1', []],
    ['a=x+y', ['x y']],
    ['a=x%2By', ['x+y']],
    ['%61=1', ['1']],
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
  it('are decoded once, in their order, as url.ParseQuery of Go does', () => {
    for (const [query, values] of rows) assert.deepEqual(parseQuery(query).get('a') ?? [], values, query);
    assert.deepEqual([...parseQuery('&&a=1&')], [['a', ['1']]], 'there is no empty pair');
  });
});

describe('a query', () => {
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
    const zeros = '0'.repeat(30);
    for (const value of ['0', '-0', '+1', `${most}`, `${-most - 1n}`, `+${zeros}1`, `-${zeros}${most}`])
      assert.equal(isInt64(value), true, value);
    for (const value of [
      ...['', '+', 'x1', '1x', '1 ', '0x1', '1.0', `${most + 1n}`, `${-most - 2n}`, `1${zeros}`],
    ])
      assert.equal(isInt64(value), false, value);
  });
});
