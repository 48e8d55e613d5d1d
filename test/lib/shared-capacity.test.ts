import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SharedCapacity } from '../../src/lib/bounded-maps.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { eventually } from '../support/eventually.js';

it('maps share one capacity, and a large map takes nothing from a small one', () => {
  const capacity = new SharedCapacity(10);
  const small = capacity.createMap<number>();
  const large = capacity.createMap<number>();
  for (const key of ['a', 'b', 'c']) capacity.set(small, key, 1);
  for (let key = 0; key < 100; key++) capacity.set(large, String(key), key);
  assert.deepEqual([...small.keys()], ['a', 'b', 'c']);
  assert.deepEqual([...large.keys()], ['93', '94', '95', '96', '97', '98', '99']);
  capacity.set(large, '93', 0);
  capacity.set(small, 'd', 1);
  assert.deepEqual([...small.keys()], ['a', 'b', 'c', 'd']);
  assert.deepEqual(
    [...large.keys()],
    ['95', '96', '97', '98', '99', '93'],
    'the one set longest ago is gone',
  );
});

it('a map that becomes as large as another one loses its own oldest entry', () => {
  const capacity = new SharedCapacity(3);
  const [one, other] = [capacity.createMap<number>(), capacity.createMap<number>()];
  for (const [map, key] of [
    [one, 'a'],
    [other, 'a'],
    [other, 'b'],
    [one, 'b'],
  ] as const)
    capacity.set(map, key, 1);
  assert.deepEqual([[...one.keys()], [...other.keys()]], [['b'], ['a', 'b']]);
});

it('a map that is no longer used gives its share back', async () => {
  const capacity = new SharedCapacity(10);
  let gone: Map<string, number> | undefined = capacity.createMap<number>();
  for (let key = 0; key < 10; key++) capacity.set(gone, String(key), key);
  const reference = new WeakRef(gone);
  gone = undefined;
  await eventually('its end', () => {
    collectGarbage();
    return reference.deref() === undefined;
  });
  const map = capacity.createMap<number>();
  for (let key = 0; key < 10; key++) capacity.set(map, String(key), key);
  assert.equal(map.size, 10);
});
