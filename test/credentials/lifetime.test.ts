import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planLifetime } from '../../src/credentials/lifetime.js';

const now = 1_000_000;

describe('the lifetime of a credential', () => {
  it('is renewed a minute before its end if it is long, and in its last fifth if it is short', () => {
    assert.equal(planLifetime(now, now + 3_600_000).renewAt, now + 3_540_000);
    assert.equal(planLifetime(now, now + 300_000).renewAt, now + 240_000);
    assert.equal(planLifetime(now, now + 100_000).renewAt, now + 80_000);
  });

  it('is not renewed in the background if it has ended, or ends within a second', () => {
    for (const left of [-5_000, 0, 999, 1_000]) {
      assert.deepEqual(planLifetime(now, now + left), { renewAt: Infinity, endsAt: now + left });
    }
    assert.equal(planLifetime(now, now + 1_001).renewAt, now + 1_000);
  });

  it('never ends if no end is known', () => {
    assert.deepEqual(planLifetime(now, undefined), { renewAt: Infinity, endsAt: Infinity });
  });
});
