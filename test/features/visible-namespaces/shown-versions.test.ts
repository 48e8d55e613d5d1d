import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ShownVersions } from '../../../src/features/visible-namespaces/shown-versions.js';
import { ManualClock } from '../../support/manual-clock.js';

let clock: ManualClock;
let shown: ShownVersions;
beforeEach(() => {
  clock = new ManualClock(0);
  shown = new ShownVersions(clock);
});

const at = (version: string) => {
  const found = shown.at(version);
  return found && [[...found.surely].join(''), [...found.perhaps].join('')];
};

describe('what a user was shown at a version', () => {
  it('is known from the first to the last version at which it was the same, as numbers', () => {
    shown.record('9', new Set(['a', 'b']));
    shown.record('11', new Set(['a', 'b']));
    shown.record('12', new Set(['a']));
    assert.deepEqual(['8', '9', '10', '11', '12', '13'].map(at), [
      ...[undefined, ['ab', 'ab'], ['ab', 'ab'], ['ab', 'ab'], ['a', 'a'], undefined],
    ]);
  });

  it('is known at an older version that a client has told later', () => {
    shown.record('9', new Set(['a']));
    shown.record('5', new Set(['a']));
    assert.deepEqual(['5', '7', '9'].map(at), [['a', 'a'], undefined, ['a', 'a']]);
  });

  it('is uncertain where two clients were shown different sets', () => {
    shown.record('9', new Set(['a', 'b']));
    shown.record('9', new Set(['b', 'c']));
    assert.deepEqual(at('9'), ['b', 'abc']);
  });

  it('is remembered for ten minutes', () => {
    shown.record('9', new Set());
    clock.advance(300_000);
    shown.record('10', new Set());
    clock.advance(599_999);
    assert.deepEqual([at('9'), shown.isEmpty], [['', ''], false]);
    clock.advance(1);
    assert.deepEqual([at('9'), shown.isEmpty], [undefined, true]);
  });

  it('has a limit, and no version that is no number', () => {
    for (let version = 1; version <= 201; version += 1)
      shown.record(String(version), new Set([String(version)]));
    assert.deepEqual([at('1'), at('2')], [undefined, ['2', '2']]);
    for (const text of ['', '0', '05', '1.0', '-1', '9'.repeat(21), 'x']) {
      shown.record(text, new Set());
      assert.equal(at(text), undefined);
    }
  });
});
