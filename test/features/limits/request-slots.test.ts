import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RequestKind, RequestSlots } from '../../../src/features/limits/request-slots.js';
import { Rejection } from '../../../src/guard/rejection.js';

type Limits = ConstructorParameters<typeof RequestSlots>[0];

function create(limits: Partial<Limits>): RequestSlots {
  return new RequestSlots({
    maxRequestsInflight: 0,
    maxLongrunningRequests: 0,
    maxRequestsInflightPerUser: 0,
    maxLongrunningRequestsPerUser: 0,
    servesClusters: false,
    ...limits,
  });
}

/** Takes this number of slots. Returns the functions that give them back. */
function take(slots: RequestSlots, count: number, user = 'jane', kind: RequestKind = 'inflight') {
  return Array.from({ length: count }, () => slots[kind].take(user));
}

/** The rejection of a request for which there is no slot. */
function rejectionOf(
  slots: RequestSlots,
  user = 'jane',
  kind: RequestKind = 'inflight',
  cluster?: object,
): Rejection {
  try {
    slots[kind].take(user, cluster);
  } catch (error) {
    assert.ok(error instanceof Rejection);
    return error;
  }
  assert.fail('there is a slot');
}

function assertRejected(
  slots: RequestSlots,
  reason: string,
  user = 'jane',
  kind: RequestKind = 'inflight',
): void {
  const rejection = rejectionOf(slots, user, kind);
  assert.equal(rejection.reason, reason);
  assert.equal(rejection.code, 429);
  assert.equal(rejection.retryAfterSeconds, 1);
}

describe('request slots', () => {
  it('give one of several clusters at most three quarters of the free slots, so that others get some', () => {
    const slots = create({ maxRequestsInflight: 400, maxLongrunningRequests: 40, servesClusters: true });
    const most = (cluster: object, kind: RequestKind) => {
      const taken: (() => void)[] = [];
      try {
        for (;;) taken.push(slots[kind].take('jane', cluster));
      } catch (error) {
        assert.ok(error instanceof Rejection);
        return taken;
      }
    };
    const [one, two, three] = [{}, {}, {}];
    const taken = most(one, 'inflight');
    assert.deepEqual(
      [taken.length, most(two, 'inflight').length, most(three, 'inflight').length],
      [300, 75, 19],
    );
    assert.deepEqual([most(one, 'longrunning').length, most(two, 'longrunning').length], [30, 8]);
    const rejection = rejectionOf(slots, 'jane', 'inflight', one);
    assert.match(
      rejection.message,
      /--max-requests-inflight \(400\) allows one cluster of several; try again/,
    );
    assert.equal(rejection.reason, 'max_inflight');
    // Requests to no cluster may use all free slots.
    take(slots, 6);
    assertRejected(slots, 'max_inflight');
    assert.doesNotMatch(rejectionOf(slots, 'jane', 'inflight', one).message, /one cluster of several/);
    for (const giveBack of taken) giveBack();
    assert.equal(slots.inUse.inflight, 100);
    assert.ok(most(one, 'inflight').length > 200);
  });

  it('reject requests over each limit, which they name, and none of the other kind or below a limit of another user', () => {
    for (const [index, [key, kind, other, reason, flag]] of (
      [
        ['maxRequestsInflight', 'inflight', 'longrunning', 'max_inflight', 'requests-inflight'],
        ['maxLongrunningRequests', 'longrunning', 'inflight', 'max_longrunning', 'longrunning-requests'],
        [
          'maxRequestsInflightPerUser',
          'inflight',
          'longrunning',
          'user_inflight',
          'requests-inflight-per-user',
        ],
        [
          ...(['maxLongrunningRequestsPerUser', 'longrunning', 'inflight', 'user_longrunning'] as const),
          'longrunning-requests-per-user',
        ],
      ] as const
    ).entries()) {
      const limit = 11 + index;
      const slots = create({ [key]: limit });
      const own = reason.startsWith('user') ? limit : limit - 2;
      take(slots, own, 'jane', kind);
      take(slots, limit - own, 'joe', kind);
      assertRejected(slots, reason, 'jane', kind);
      const { message } = rejectionOf(slots, 'jane', kind);
      assert.match(message, new RegExp(`--max-${flag} \\(${limit}\\) allows; try again in 1 s$`));
      take(slots, limit, 'jane', other);
      if (own < limit) assertRejected(slots, reason, 'somebody else', kind);
      else take(slots, limit, 'joe', kind);
    }
  });

  it("name the user's own limit if the common limit is reached too", () => {
    const slots = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 1 });
    take(slots, 1, 'jane');
    take(slots, 1, 'joe');
    assertRejected(slots, 'user_inflight', 'jane');
    assertRejected(slots, 'max_inflight', 'ann');
  });

  it('are not used by rejected requests', () => {
    const slots = create({ maxRequestsInflight: 1, maxRequestsInflightPerUser: 2 });
    const [giveBack] = take(slots, 1);
    for (let again = 0; again < 100; again++) assertRejected(slots, 'max_inflight');
    for (let again = 0; again < 100; again++) assertRejected(slots, 'max_inflight', 'joe');
    assert.deepEqual(slots.inUse, { inflight: 1, longrunning: 0, users: 1 });
    giveBack?.();
    assert.deepEqual(slots.inUse, { inflight: 0, longrunning: 0, users: 0 });
    take(slots, 1)[0]?.();
  });

  it('have no limit if it is 0, and all belong to a cluster that is the only one', () => {
    for (const servesClusters of [false, true]) {
      const slots = create({ servesClusters });
      take(slots, 10_000);
      take(slots, 10_000, 'jane', 'longrunning');
      for (let again = 0; again < 10_000; again++) slots.inflight.take('jane', slots);
      assert.deepEqual(slots.inUse, { inflight: 20_000, longrunning: 10_000, users: 0 });
    }
    const slots = create({ maxRequestsInflight: 4 });
    const cluster = {};
    for (let again = 0; again < 4; again++) slots.inflight.take('jane', cluster);
    const rejection = rejectionOf(slots, 'jane', 'inflight', cluster);
    assert.match(rejection.message, /--max-requests-inflight \(4\) allows; try again/);
  });

  it('are free again when they are given back, and to give one back again has no effect', () => {
    const slots = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 2 });
    const taken = take(slots, 2);
    for (const giveBack of taken) {
      giveBack();
      giveBack();
    }
    assert.deepEqual(slots.inUse, { inflight: 0, longrunning: 0, users: 0 });
    take(slots, 2);
    assertRejected(slots, 'user_inflight');
  });
});
