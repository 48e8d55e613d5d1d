import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRefusalLimit } from '../../src/credentials/refusal-limit.js';

describe('the limit of renewals after a 401', () => {
  it('allows a renewal at the first 401, and the next ten seconds later', () => {
    const limit = createRefusalLimit();
    assert.equal(limit.mayRenew(0), true);
    assert.equal(limit.mayRenew(9_999), false);
    assert.equal(limit.mayRenew(10_000), true);
  });

  it('doubles up to five minutes as long as every new credential gets a 401', () => {
    const limit = createRefusalLimit();
    const renewals: number[] = [];
    for (let second = 0; second <= 1_300; second += 5) {
      if (limit.mayRenew(second * 1_000)) renewals.push(second);
    }
    assert.deepEqual(renewals, [0, 10, 30, 70, 150, 310, 610, 910, 1_210]);
  });

  it('doubles too if a renewal returns the credential that got the 401', () => {
    const limit = createRefusalLimit();
    limit.mayRenew(0);
    limit.returnedTheSame();
    assert.equal(limit.mayRenew(10_000), true);
    limit.returnedTheSame();
    assert.equal(limit.mayRenew(29_999), false);
    assert.equal(limit.mayRenew(30_000), true);
  });

  it('is ten seconds again after a credential that worked for some time', () => {
    const limit = createRefusalLimit();
    for (const second of [0, 5, 10, 15, 30, 35]) limit.mayRenew(second * 1_000);
    assert.equal(limit.mayRenew(70_000), true);
    assert.equal(limit.mayRenew(160_000), true, 'after 80 quiet seconds');
    assert.equal(limit.mayRenew(170_000), true);
  });

  it('ends if the clock is set back', () => {
    const limit = createRefusalLimit();
    limit.mayRenew(1_000_000);
    assert.equal(limit.mayRenew(500_000), true);
  });
});
