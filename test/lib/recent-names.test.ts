import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentNames } from '../../src/lib/recent-names.js';
import { ManualClock } from '../support/manual-clock.js';

describe('recent names', () => {
  it('are remembered until a time has passed since they came last', async () => {
    const clock = new ManualClock(0);
    const names = new RecentNames(clock, 1_000);
    assert.deepEqual([names.add('a'), names.add('a'), names.add('b')], [true, false, true]);
    await clock.advance(600);
    assert.equal(names.add('a'), false);
    await clock.advance(400);
    assert.deepEqual(names.list(), ['a']);
    await clock.advance(599);
    assert.deepEqual(names.list(), ['a']);
    await clock.advance(1);
    assert.equal(names.add('a'), true);
    names.delete('a');
    assert.deepEqual(names.list(), []);
  });

  it('are at most a number: a further one is new when there is room again', async () => {
    const clock = new ManualClock(0);
    const names = new RecentNames(clock, 1_000, 1);
    assert.deepEqual([names.add('a'), names.add('b'), names.add('a')], [true, false, false]);
    assert.deepEqual(names.list(), ['a']);
    await clock.advance(1_000);
    assert.deepEqual([names.add('b'), names.list()], [true, ['b']]);
  });
});
