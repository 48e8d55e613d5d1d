import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isObject, parseObject } from '../../src/lib/json.js';

it('isObject is true for objects, and for nothing else that JSON has', () => {
  assert.ok(isObject({}));
  for (const other of [undefined, null, [], [{}], 'text', '', 1, true]) assert.ok(!isObject(other));
});

it('parseObject parses an object, and is undefined for any other input', () => {
  assert.deepEqual(parseObject(' {"name":["value"]}\n'), { name: ['value'] });
  for (const text of ['', '{', '{} {}', 'null', '[]', '[{}]', '"text"', '1', 'true', '<html>']) {
    assert.equal(parseObject(text), undefined, text);
  }
});
