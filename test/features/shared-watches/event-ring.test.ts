import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventRing, RingBudget } from '../../../src/features/shared-watches/event-ring.js';
import { SharedBytes } from '../../../src/features/shared-watches/shared-bytes.js';
import { uniformEvent, type WatchEvent } from '../../../src/features/shared-watches/watch-event.js';

function event(version: string, { type = 'MODIFIED' as WatchEvent['type'], size = 10 } = {}) {
  return uniformEvent(type, version, new SharedBytes([Buffer.alloc(size, 0x78)]));
}

function ringOf(versions: readonly string[], budget = new RingBudget(1_000_000)): EventRing {
  const ring = new EventRing('100', budget);
  for (const version of versions) ring.append(event(version));
  return ring;
}

const versionsIn = (ring: EventRing): string[] =>
  Array.from({ length: ring.end - ring.first }, (_, index) => ring.at(ring.first + index).version);

describe('a ring buffer of events', () => {
  it('finds the first event after a version, a number of any length, and nothing before its beginning', () => {
    const after = (ring: EventRing, ...versions: string[]) =>
      versions.map(version => ring.positionAfter(version));
    const some = ringOf(['101', '105', '110']);
    assert.deepEqual(after(some, '100', '101', '103', '105', '110', '999'), [0, 1, 1, 2, 3, 3]);
    assert.deepEqual(after(ringOf([]), '99', '100'), [undefined, 0]);
    assert.deepEqual(after(ringOf(['104', '105', '105', '107']), '104', '105'), [1, 3]);
    const [long, longer] = ['99999999999999999999999', '100000000000000000000000'];
    assert.deepEqual(after(ringOf(['999', '1000', long, longer]), '999', long), [1, 3]);
  });

  it('accepts no event that is older, and none of a version that is complete', () => {
    const ring = ringOf(['105', '105']);
    assert.throws(() => ring.append(event('99')));
    ring.append(event('105', { type: 'BOOKMARK' }));
    ring.append(event('105', { type: 'BOOKMARK' }));
    assert.throws(() => ring.append(event('105')), /version 105 came after version 105/);
    assert.throws(() => ring.append(event('104', { type: 'BOOKMARK' })));
    assert.equal(ring.positionAfter('105'), 4);
    assert.throws(() => ringOf([]).append(event('100')), 'the version that it begins with');
  });

  it('drops the oldest of more than 2,000 events, and then knows its new beginning', () => {
    const ring = ringOf(Array.from({ length: 2_500 }, (_, index) => String(101 + index)));
    assert.equal(ring.end - ring.first, 2_000);
    assert.equal(ring.floor, '600');
    assert.equal(ring.positionAfter('599'), undefined);
    assert.equal(ring.positionAfter('600'), 500);
    assert.equal(ring.at(500).version, '601');
  });

  it('drops the oldest events over 16 MB', () => {
    const ring = new EventRing('100', new RingBudget(1e9));
    for (let version = 101; version < 130; version++)
      ring.append(event(String(version), { size: 1_000_000 }));
    assert.equal(ring.end - ring.first, 16);
  });

  it('keeps its last event, however large it is', () => {
    const ring = new EventRing('100', new RingBudget(100));
    ring.append(event('101', { size: 1_000 }));
    assert.deepEqual(versionsIn(ring), ['101']);
    ring.append(event('102', { size: 1_000 }));
    assert.deepEqual(versionsIn(ring), ['102']);
  });
});

describe('the memory of all ring buffers together', () => {
  it('is limited: the oldest events are dropped, whichever buffer they are in', () => {
    const budget = new RingBudget(5 * 310);
    const [one, other] = [ringOf([], budget), ringOf([], budget)];
    for (const version of ['101', '102', '103']) one.append(event(version));
    for (const version of ['101', '102', '103']) other.append(event(version));
    assert.deepEqual(versionsIn(one), ['102', '103']);
    assert.deepEqual(versionsIn(other), ['101', '102', '103']);
    assert.equal(budget.used, 5 * 310);
    other.append(event('104'));
    assert.deepEqual(versionsIn(one), ['103']);
  });
});
