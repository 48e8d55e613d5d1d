import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RefusedGroups } from '../../src/authentication/accepted-groups.js';
import { ManualClock } from '../support/manual-clock.js';

it('up to twenty refused groups are remembered for ten minutes after their last refusal, and logged once', () => {
  const clock = new ManualClock(0);
  const logged: unknown[] = [];
  const groups = new RefusedGroups(clock, { warn: (fields: object) => void logged.push(fields) } as never);
  const named = () => /these groups: (.*);/.exec(groups.warnings()[0]?.forCallers ?? '')?.[1];
  assert.equal(named(), undefined);
  groups.add('a', undefined);
  groups.add('a', 'one');
  assert.equal(named(), '"a", "a" (one)');
  assert.match(groups.warnings()[0]?.text ?? '', /may not impersonate a group of theirs/);
  clock.advance(300_000);
  groups.add('a', undefined);
  clock.advance(299_999);
  assert.equal(named(), '"a", "a" (one)');
  clock.advance(1);
  assert.equal(named(), '"a"');
  assert.deepEqual(logged, [
    { group: 'a', cluster: undefined },
    { group: 'a', cluster: 'one' },
  ]);
  for (let index = 0; index < 30; index++) groups.add(`${index}`.repeat(300), undefined);
  assert.deepEqual([named()?.split(', ').length, logged.length], [20, 21]);
  assert.ok(
    named()
      ?.split(', ')
      .every(name => name.length <= 202),
  );
  clock.advance(600_000);
  assert.deepEqual(groups.warnings(), []);
});
