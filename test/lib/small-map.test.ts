import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SmallMap } from '../../src/lib/bounded-maps.js';

it('a small map keeps its first 64 keys', () => {
  const map = new SmallMap<number>();
  for (let index = 0; index < 100; index++) assert.equal(map.set(`key ${index}`, index), map);
  assert.deepEqual(
    [...map.values()],
    Array.from({ length: 64 }, (_, index) => index),
  );
});

it('a small map keeps no long key', () => {
  const map = new SmallMap<number>();
  for (const length of [256, 257]) map.set('x'.repeat(length), length);
  assert.deepEqual([...map.values()], [256]);
});
