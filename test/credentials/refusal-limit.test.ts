import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRefusalLimit } from '../../src/credentials/renewed-source.js';
import { ManualClock, unevenTimes } from '../support/manual-clock.js';

/** The limit, and a function that asks it this number of seconds after the start. */
function create() {
  const clock = new ManualClock(1_000_000);
  const limit = createRefusalLimit(clock);
  const mayRenewAt = (second: number) => {
    clock.advance(second * 1_000 - clock.monotonic());
    return limit.mayRenew();
  };
  return { clock, limit, mayRenewAt };
}

describe('the limit of renewals after a 401', () => {
  it('allows a renewal at the first 401, and the next ten seconds later', () => {
    const { mayRenewAt } = create();
    assert.equal(mayRenewAt(0), true);
    assert.equal(mayRenewAt(9.999), false);
    assert.equal(mayRenewAt(10), true);
  });

  it('doubles up to five minutes as long as every new credential gets a 401', () => {
    const { mayRenewAt } = create();
    const renewals: number[] = [];
    for (let second = 0; second <= 1_300; second += 5) {
      if (mayRenewAt(second)) renewals.push(second);
    }
    assert.deepEqual(renewals, [0, 10, 30, 70, 150, 310, 610, 910, 1_210]);
  });

  it('doubles too if a renewal returns the credential that got the 401', () => {
    const { limit, mayRenewAt } = create();
    mayRenewAt(0);
    limit.returnedTheSame();
    assert.equal(mayRenewAt(10), true);
    limit.returnedTheSame();
    assert.equal(mayRenewAt(29.999), false);
    assert.equal(mayRenewAt(30), true);
  });

  it('is ten seconds again after a credential that worked for some time', () => {
    const { mayRenewAt } = create();
    for (const second of [0, 5, 10, 15, 30, 35]) mayRenewAt(second);
    assert.equal(mayRenewAt(70), true);
    assert.equal(mayRenewAt(160), true, 'after 80 quiet seconds');
    assert.equal(mayRenewAt(170), true);
  });

  for (const [when, pass] of unevenTimes) {
    it(`is no longer than that ${when}`, () => {
      const { clock, limit } = create();
      assert.equal(limit.mayRenew(), true);
      pass(clock, 9_999);
      assert.equal(limit.mayRenew(), false);
      clock.advance(10_001);
      assert.equal(limit.mayRenew(), true, 'after the doubled interval');
    });
  }
});
