import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { queryPairs, queryValues } from '../../src/kubernetes/query.js';

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
      assert.deepEqual(queryValues(query, 'a'), values);
    });
  }
});

describe('query pairs', () => {
  it('come in their order, both as sent and decoded', () => {
    assert.deepEqual(queryPairs('b=1&%61=x+y&&c&=d&a=b=c'), [
      { text: 'b=1', name: 'b', value: '1' },
      { text: '%61=x+y', name: 'a', value: 'x y' },
      { text: 'c', name: 'c', value: '' },
      { text: '=d', name: '', value: 'd' },
      { text: 'a=b=c', name: 'a', value: 'b=c' },
    ]);
  });

  it('have no name if they do not count', () => {
    for (const text of ['a=1;b=2', 'a=%', '%4=1', ';']) {
      assert.deepEqual(queryPairs(text), [{ text, name: undefined, value: undefined }]);
    }
  });

  it('do not exist in an empty query', () => assert.deepEqual(queryPairs(''), []));
});
