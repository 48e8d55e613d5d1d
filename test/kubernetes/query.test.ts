import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodedPair, parseQuery } from '../../src/kubernetes/query.js';

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

describe('a query pair', () => {
  it('is decoded', () => {
    for (const [text, name, value] of [
      ['b=1', 'b', '1'],
      ['%61=x+y', 'a', 'x y'],
      ['c', 'c', ''],
      ['=d', '', 'd'],
      ['a=b=c', 'a', 'b=c'],
    ] as const) {
      assert.deepEqual(decodedPair(text), { name, value });
    }
  });

  it('may not count', () => {
    for (const text of ['a=1;b=2', 'a=%', '%4=1', ';']) assert.equal(decodedPair(text), undefined);
  });
});
