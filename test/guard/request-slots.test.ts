import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type NoSlot,
  type RequestKind,
  RequestSlots,
  Slot,
  type SlotLimits,
} from '../../src/guard/request-slots.js';

const unlimited: SlotLimits = {
  maxRequestsInflight: 0,
  maxLongrunningRequests: 0,
  maxRequestsInflightPerUser: 0,
  maxLongrunningRequestsPerUser: 0,
  rateLimit: 0,
  rateLimitBurst: 100,
};

/** Slots whose delays are under the test's control. */
function create(
  limits: Partial<SlotLimits>,
  now = () => 0,
  wait: (milliseconds: number) => Promise<unknown> = never,
): RequestSlots {
  return new RequestSlots({ ...unlimited, ...limits }, now, wait);
}

function never(): Promise<void> {
  return new Promise(() => {});
}

function take(slots: RequestSlots, count: number, user = 'jane', kind: RequestKind = 'inflight'): Slot[] {
  return Array.from({ length: count }, () => {
    const slot = slots.take(user, kind);
    assert.ok(slot instanceof Slot, 'there is a slot');
    return slot;
  });
}

function reject(slots: RequestSlots, user = 'jane', kind: RequestKind = 'inflight'): NoSlot {
  const slot = slots.take(user, kind);
  assert.ok(!(slot instanceof Slot), 'there is no slot');
  return slot;
}

function assertRejected(
  slots: RequestSlots,
  reason: string,
  user = 'jane',
  kind: RequestKind = 'inflight',
): void {
  const { rejection } = reject(slots, user, kind);
  assert.equal(rejection.reason, reason);
  assert.equal(rejection.code, 429);
  assert.equal(rejection.retryAfterSeconds, 1);
}

describe('request slots', () => {
  it('give one of several clusters at most three quarters of the free slots, so that others get some', () => {
    const slots = create({ maxRequestsInflight: 400, maxLongrunningRequests: 40 });
    const most = (cluster: object, kind: RequestKind) => {
      const taken: Slot[] = [];
      for (let slot = slots.take('jane', kind, cluster); slot instanceof Slot; ) {
        taken.push(slot);
        slot = slots.take('jane', kind, cluster);
      }
      return taken;
    };
    const [one, two, three] = [{}, {}, {}];
    const taken = most(one, 'inflight');
    assert.deepEqual(
      [taken.length, most(two, 'inflight').length, most(three, 'inflight').length],
      [300, 75, 19],
    );
    assert.deepEqual([most(one, 'longrunning').length, most(two, 'longrunning').length], [30, 8]);
    const { rejection } = slots.take('jane', 'inflight', one) as NoSlot;
    assert.match(
      rejection.message,
      /--max-requests-inflight \(400\) allows one cluster of several; try again/,
    );
    assert.equal(rejection.reason, 'max_inflight');
    // Requests to no cluster may use all free slots.
    take(slots, 6);
    assertRejected(slots, 'max_inflight');
    for (const slot of taken) slot.release();
    assert.equal(slots.inUse.inflight, 100);
    assert.ok(most(one, 'inflight').length > 200);
  });

  it('reject requests over --max-requests-inflight, of every user', () => {
    const slots = create({ maxRequestsInflight: 3 });
    take(slots, 2, 'jane');
    take(slots, 1, 'joe');
    assertRejected(slots, 'max_inflight', 'jane');
    assertRejected(slots, 'max_inflight', 'somebody else');
  });

  it('reject requests over --max-longrunning-requests, and count the two kinds separately', () => {
    const slots = create({ maxRequestsInflight: 2, maxLongrunningRequests: 1 });
    take(slots, 1, 'jane', 'longrunning');
    assertRejected(slots, 'max_longrunning', 'joe', 'longrunning');
    take(slots, 2);
    assertRejected(slots, 'max_inflight');
  });

  it("reject requests over a user's own limits, and none of other users", () => {
    const slots = create({ maxRequestsInflightPerUser: 2, maxLongrunningRequestsPerUser: 1 });
    take(slots, 2, 'jane');
    take(slots, 1, 'jane', 'longrunning');
    assertRejected(slots, 'user_inflight', 'jane');
    assertRejected(slots, 'user_longrunning', 'jane', 'longrunning');
    take(slots, 2, 'joe');
    take(slots, 1, 'joe', 'longrunning');
  });

  it("name the user's own limit if the common limit is reached too", () => {
    const slots = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 1 });
    take(slots, 1, 'jane');
    take(slots, 1, 'joe');
    assertRejected(slots, 'user_inflight', 'jane');
    assertRejected(slots, 'max_inflight', 'ann');
  });

  it('reject requests over --rate-limit, whether or not earlier ones have ended, and accept later ones', () => {
    let now = 0;
    const slots = create({ rateLimit: 10, rateLimitBurst: 3 }, () => now);
    for (const slot of take(slots, 3)) slot.release();
    assertRejected(slots, 'rate_limit');
    assertRejected(slots, 'rate_limit', 'jane', 'longrunning');
    take(slots, 1, 'joe');
    now = 100;
    take(slots, 1, 'jane', 'longrunning');
    assertRejected(slots, 'rate_limit');
  });

  it('use neither a slot nor a token for rejected requests', () => {
    let now = 0;
    const slots = create({ maxRequestsInflight: 1, rateLimit: 1, rateLimitBurst: 2 }, () => now);
    const [slot] = take(slots, 1);
    for (let again = 0; again < 100; again++) assertRejected(slots, 'max_inflight');
    assert.deepEqual(slots.inUse, { inflight: 1, longrunning: 0, users: 1 });
    slot?.release();
    take(slots, 1)[0]?.release();
    assertRejected(slots, 'rate_limit');
    now = 10_000;
    assert.deepEqual(slots.inUse, { inflight: 0, longrunning: 0, users: 0 });
  });

  it('have no limit if it is 0', () => {
    const slots = create({});
    take(slots, 10_000);
    take(slots, 10_000, 'jane', 'longrunning');
    assert.deepEqual(slots.inUse, { inflight: 10_000, longrunning: 10_000, users: 0 });
  });

  it('are free again after release, and a second release has no effect', () => {
    const slots = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 2 });
    const taken = take(slots, 2);
    for (const slot of taken) {
      slot.release();
      slot.release();
    }
    assert.deepEqual(slots.inUse, { inflight: 0, longrunning: 0, users: 0 });
    take(slots, 2);
    assertRejected(slots, 'user_inflight');
  });

  it('reject immediately, until a user has retried too early fifty times within a second', async () => {
    let now = 0;
    const waits: number[] = [];
    const wait = async (milliseconds: number) => void waits.push(milliseconds);
    const slots = create({ maxRequestsInflightPerUser: 1 }, () => now, wait);
    take(slots, 1, 'jane');
    take(slots, 1, 'joe');
    for (let turn = 0; turn < 3; turn++) {
      for (let again = 0; again < 50; again++) assert.equal(reject(slots, 'jane').delay, undefined);
      assert.ok(reject(slots, 'jane').delay instanceof Promise, 'the 51st is delayed');
      assert.equal(reject(slots, 'joe').delay, undefined, 'only that user is delayed');
      now += 1000;
    }
    for (let again = 0; again < 50; again++) reject(slots, 'jane');
    await reject(slots, 'jane').delay;
    assert.deepEqual(waits, [1000, 1000, 1000, 1000]);
  });

  it('delay a limited number of rejections', async () => {
    const waiting: (() => void)[] = [];
    const waits: number[] = [];
    const wait = (milliseconds: number) => {
      waits.push(milliseconds);
      return new Promise<void>(resolve => waiting.push(resolve));
    };
    const slots = create({ maxRequestsInflight: 1 }, undefined, wait);
    take(slots, 1);
    const all = Array.from({ length: 10_000 }, () => reject(slots).delay);
    const delay = all.filter(wait => wait !== undefined);
    assert.equal(delay.length, 2000);
    // The delays differ, so that the clients do not all return at the same time.
    assert.deepEqual(
      waits,
      waits.map((_, index) => 1000 + 2 * index),
    );
    for (const resolve of waiting) resolve();
    await Promise.all(delay);
    assert.ok(reject(slots).delay instanceof Promise, 'there is room again');
  });

  it('name the flag and its value in a rejection', () => {
    const limits = {
      maxRequestsInflight: 11,
      maxLongrunningRequests: 12,
      maxRequestsInflightPerUser: 13,
      maxLongrunningRequestsPerUser: 14,
      rateLimit: 15.5,
    };
    const messages = (
      [
        [{ maxRequestsInflight: 11 }, 'inflight', 11],
        [{ maxLongrunningRequests: 12 }, 'longrunning', 12],
        [{ maxRequestsInflightPerUser: 13 }, 'inflight', 13],
        [{ maxLongrunningRequestsPerUser: 14 }, 'longrunning', 14],
        [{ rateLimit: 15.5, rateLimitBurst: 1 }, 'inflight', 1],
      ] as [Partial<SlotLimits>, RequestKind, number][]
    ).map(([limit, kind, count]) => {
      const slots = create(limit);
      take(slots, count, 'jane', kind);
      return reject(slots, 'jane', kind).rejection.message;
    });
    const flags = ['max-requests-inflight', 'max-longrunning-requests'];
    const expected = [...flags, ...flags.map(flag => `${flag}-per-user`), 'rate-limit'];
    for (const [index, flag] of expected.entries()) {
      assert.match(messages[index] ?? '', new RegExp(`--${flag} \\(${Object.values(limits)[index]}\\b`));
      assert.match(messages[index] ?? '', /; try again in 1 s$/);
    }
  });
});
