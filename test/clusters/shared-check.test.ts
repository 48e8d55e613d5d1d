import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shareCheck } from '../../src/clusters/shared-check.js';
import { ManualClock, unevenTimes } from '../support/manual-clock.js';

function create() {
  const clock = new ManualClock(0);
  const counts = { checks: 0 };
  let isDown = false;
  const check = shareCheck(
    async () => {
      counts.checks += 1;
      if (isDown) throw new Error('down');
    },
    { passed: 10_000, failed: 2_000 },
    clock,
  );
  return { clock, counts, check, goDown: () => (isDown = true) };
}

describe('the result of a shared check', () => {
  it('is reused for its lifetime, which is shorter after a failure', async () => {
    const { clock, counts, check, goDown } = create();
    await Promise.all([check(), check()]);
    clock.advance(9_999);
    await check();
    assert.equal(counts.checks, 1);
    goDown();
    clock.advance(1);
    await assert.rejects(check());
    clock.advance(1_999);
    await assert.rejects(check());
    assert.equal(counts.checks, 2);
    clock.advance(1);
    await assert.rejects(check());
    assert.equal(counts.checks, 3);
  });

  for (const [when, pass] of unevenTimes) {
    it(`becomes old ${when}`, async () => {
      const { clock, counts, check } = create();
      await check();
      pass(clock, 10_000);
      await check();
      assert.equal(counts.checks, 2);
    });
  }
});
