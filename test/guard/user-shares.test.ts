import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserShares } from '../../src/guard/user-shares.js';
import { assertLinear } from '../support/growth.js';

const none = { rate: 0, burst: 0 };

/** Takes tokens until there is none, and returns how many there were. */
function drain(shares: UserShares, user: string, now: number): number {
  const share = shares.of(user, now);
  let taken = 0;
  while (share.hasToken(now)) {
    share.takeToken(now);
    taken += 1;
  }
  return taken;
}

it("a user's tokens are that user's own", () => {
  const shares = new UserShares({ rate: 1, burst: 5 });
  assert.equal(drain(shares, 'jane', 0), 5);
  assert.equal(drain(shares, 'joe', 0), 5);
});

describe('the shares of users', () => {
  it('stay the same as long as a request is being served', () => {
    const shares = new UserShares(none);
    const share = shares.of('jane', 0);
    share.taken.longrunning += 1;
    for (let user = 0; user < 20_000; user++) shares.of(`user-${user}`, user);
    assert.equal(shares.of('jane', 20_000), share);
    shares.forgetGone(20_000);
    assert.equal(shares.count, 1);
  });

  it('are dropped when they are idle and their buckets are full', () => {
    const shares = new UserShares({ rate: 10, burst: 10 });
    drain(shares, 'jane', 0);
    shares.of('joe', 0);
    shares.forgetGone(999);
    assert.equal(shares.count, 1);
    shares.forgetGone(1000);
    assert.equal(shares.count, 0);
  });

  it('are limited in number, however many users come once', () => {
    const shares = new UserShares({ rate: 0.001, burst: 1 });
    let most = 0;
    for (let user = 0; user < 100_000; user++) {
      drain(shares, `user-${user}`, user);
      most = Math.max(most, shares.count);
    }
    assert.ok(most <= 10_000, `${most} were remembered`);
  });

  it('are kept for the users that came last when others are dropped', () => {
    const shares = new UserShares({ rate: 0.001, burst: 1 });
    for (let user = 0; user < 100_000; user++) drain(shares, `user-${user}`, 0);
    assert.equal(drain(shares, 'user-99999', 0), 0);
    assert.equal(drain(shares, 'user-0', 0), 1);
  });

  it('take time in proportion to the number of users with open requests', () => {
    assertLinear(100_000, count => () => {
      const shares = new UserShares({ rate: 0.001, burst: 1 });
      for (let user = 0; user < count; user++) shares.of(`user-${user}`, 0).taken.inflight += 1;
      assert.equal(shares.count, count);
    });
  });
});
