import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planLifetime } from '../../src/credentials/lifetime.js';

describe('the lifetime of a credential', () => {
  it('is renewed a minute before its end if it is long, and in its last fifth if it is short', () => {
    assert.equal(planLifetime(3_600_000).renewAfter, 3_540_000);
    assert.equal(planLifetime(300_000).renewAfter, 240_000);
    assert.equal(planLifetime(100_000).renewAfter, 80_000);
  });

  it('is not renewed in the background if it has ended, or ends within a second', () => {
    for (const endsAfter of [-5_000, 0, 999, 1_000]) {
      assert.deepEqual(planLifetime(endsAfter), { renewAfter: Infinity, endsAfter });
    }
    assert.equal(planLifetime(1_001).renewAfter, 1_000);
  });

  it('never ends if no end is known', () => {
    assert.deepEqual(planLifetime(Infinity), { renewAfter: Infinity, endsAfter: Infinity });
  });
});
