import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  FairShares,
  type FairSharesLimits,
  type NoPlace,
  Place,
  type RequestKind,
} from '../../src/guard/fair-shares.js';
import type { RejectionReason } from '../../src/guard/refusal.js';

const unlimited: FairSharesLimits = {
  maxRequestsInflight: 0,
  maxLongrunningRequests: 0,
  maxRequestsInflightPerUser: 0,
  maxLongrunningRequestsPerUser: 0,
  rateLimit: 0,
  rateLimitBurst: 100,
  workers: 1,
};

/** Fair shares that hold refusals back until the test's own time has come. */
function create(
  limits: Partial<FairSharesLimits>,
  now = () => 0,
  wait: (milliseconds: number) => Promise<unknown> = never,
): FairShares {
  return new FairShares({ ...unlimited, ...limits }, now, wait);
}

function never(): Promise<void> {
  return new Promise(() => {});
}

function take(shares: FairShares, count: number, user = 'jane', kind: RequestKind = 'inflight'): Place[] {
  return Array.from({ length: count }, () => {
    const place = shares.take(user, kind);
    assert.ok(place instanceof Place, 'there is a place');
    return place;
  });
}

function refuse(shares: FairShares, user = 'jane', kind: RequestKind = 'inflight'): NoPlace {
  const place = shares.take(user, kind);
  assert.ok(!(place instanceof Place), 'there is no place');
  return place;
}

function assertRefused(
  shares: FairShares,
  rejection: RejectionReason,
  user = 'jane',
  kind: RequestKind = 'inflight',
): void {
  const { refusal } = refuse(shares, user, kind);
  assert.equal(refusal.rejection, rejection);
  assert.equal(refusal.code, 429);
  assert.equal(refusal.retryAfterSeconds, 1);
}

describe('fair shares', () => {
  it('refuse what is over --max-requests-inflight, whoever it is', () => {
    const shares = create({ maxRequestsInflight: 3 });
    take(shares, 2, 'jane');
    take(shares, 1, 'joe');
    assertRefused(shares, 'max_inflight', 'jane');
    assertRefused(shares, 'max_inflight', 'somebody else');
  });

  it('refuse what is over --max-longrunning-requests, and count the two kinds apart', () => {
    const shares = create({ maxRequestsInflight: 2, maxLongrunningRequests: 1 });
    take(shares, 1, 'jane', 'longrunning');
    assertRefused(shares, 'max_longrunning', 'joe', 'longrunning');
    take(shares, 2);
    assertRefused(shares, 'max_inflight');
  });

  it("refuse what is over a user's own limits, and nobody else's", () => {
    const shares = create({ maxRequestsInflightPerUser: 2, maxLongrunningRequestsPerUser: 1 });
    take(shares, 2, 'jane');
    take(shares, 1, 'jane', 'longrunning');
    assertRefused(shares, 'user_inflight', 'jane');
    assertRefused(shares, 'user_longrunning', 'jane', 'longrunning');
    take(shares, 2, 'joe');
    take(shares, 1, 'joe', 'longrunning');
  });

  it("tell a user of the user's own limit when the one of all is reached too", () => {
    const shares = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 1 });
    take(shares, 1, 'jane');
    take(shares, 1, 'joe');
    assertRefused(shares, 'user_inflight', 'jane');
    assertRefused(shares, 'max_inflight', 'ann');
  });

  it('refuse what is over --rate-limit, whether or not it is over already, and not what comes later', () => {
    let now = 0;
    const shares = create({ rateLimit: 10, rateLimitBurst: 3 }, () => now);
    for (const place of take(shares, 3)) place.giveBack();
    assertRefused(shares, 'rate_limit');
    assertRefused(shares, 'rate_limit', 'jane', 'longrunning');
    take(shares, 1, 'joe');
    now = 100;
    take(shares, 1, 'jane', 'longrunning');
    assertRefused(shares, 'rate_limit');
  });

  it('are divided among workers, rounded up, and say so', () => {
    let now = 0;
    const shares = create(
      {
        maxRequestsInflight: 7,
        maxLongrunningRequestsPerUser: 1,
        rateLimit: 2,
        rateLimitBurst: 10,
        workers: 3,
      },
      () => now,
    );
    take(shares, 3);
    assertRefused(shares, 'max_inflight');
    assert.match(
      refuse(shares).refusal.message,
      /--max-requests-inflight \(7, 3 for each of 3 workers\) allows/,
    );
    take(shares, 1, 'joe', 'longrunning');
    assertRefused(shares, 'user_longrunning', 'joe', 'longrunning');
    take(shares, 1, 'jane', 'longrunning');
    assert.match(
      refuse(shares, 'jane', 'inflight').refusal.message,
      /--rate-limit \(2 a second, 0\.67 for each of 3 workers\) allows/,
    );
    now = 1500;
    assertRefused(shares, 'max_inflight');
  });

  it('of no limit stay none, whatever the number of workers', () => {
    take(create({ workers: 4 }), 1000);
    take(create({ workers: 0, maxRequestsInflight: 2 }), 2);
  });

  it('take neither a place nor a token for what they refuse', () => {
    let now = 0;
    const shares = create({ maxRequestsInflight: 1, rateLimit: 1, rateLimitBurst: 2 }, () => now);
    const [place] = take(shares, 1);
    for (let again = 0; again < 100; again++) assertRefused(shares, 'max_inflight');
    assert.deepEqual(shares.inUse, { inflight: 1, longrunning: 0, users: 1 });
    place?.giveBack();
    take(shares, 1)[0]?.giveBack();
    assertRefused(shares, 'rate_limit');
    now = 10_000;
    assert.deepEqual(shares.inUse, { inflight: 0, longrunning: 0, users: 0 });
  });

  it('have no limit where it is 0', () => {
    const shares = create({});
    take(shares, 10_000);
    take(shares, 10_000, 'jane', 'longrunning');
    assert.deepEqual(shares.inUse, { inflight: 10_000, longrunning: 10_000, users: 0 });
  });

  it('are free again once places are given back, each of them once', () => {
    const shares = create({ maxRequestsInflight: 2, maxRequestsInflightPerUser: 2 });
    const places = take(shares, 2);
    for (const place of places) {
      place.giveBack();
      place.giveBack();
    }
    assert.deepEqual(shares.inUse, { inflight: 0, longrunning: 0, users: 0 });
    take(shares, 2);
    assertRefused(shares, 'user_inflight');
  });

  it('refuse at once, until a user has not waited as told fifty times within a second', async () => {
    let now = 0;
    const waits: number[] = [];
    const wait = async (milliseconds: number) => void waits.push(milliseconds);
    const shares = create({ maxRequestsInflightPerUser: 1 }, () => now, wait);
    take(shares, 1, 'jane');
    take(shares, 1, 'joe');
    for (let turn = 0; turn < 3; turn++) {
      for (let again = 0; again < 50; again++) assert.equal(refuse(shares, 'jane').held, undefined);
      assert.ok(refuse(shares, 'jane').held instanceof Promise, 'the 51st is held');
      assert.equal(refuse(shares, 'joe').held, undefined, 'it is the user who is held');
      now += 1000;
    }
    for (let again = 0; again < 50; again++) refuse(shares, 'jane');
    await refuse(shares, 'jane').held;
    assert.deepEqual(waits, [1000, 1000, 1000, 1000]);
  });

  it('hold back a bounded number of refusals', async () => {
    const waiting: (() => void)[] = [];
    const waits: number[] = [];
    const wait = (milliseconds: number) => {
      waits.push(milliseconds);
      return new Promise<void>(resolve => waiting.push(resolve));
    };
    const shares = create({ maxRequestsInflight: 1 }, undefined, wait);
    take(shares, 1);
    const all = Array.from({ length: 10_000 }, () => refuse(shares).held);
    const held = all.filter(wait => wait !== undefined);
    assert.equal(held.length, 2000);
    // They do not all come back at once.
    assert.deepEqual(
      waits,
      waits.map((_, index) => 1000 + 2 * index),
    );
    for (const resolve of waiting) resolve();
    await Promise.all(held);
    assert.ok(refuse(shares).held instanceof Promise, 'there is room again');
  });

  it('name the flag and its value in a refusal', () => {
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
      ] as [Partial<FairSharesLimits>, RequestKind, number][]
    ).map(([limit, kind, places]) => {
      const shares = create(limit);
      take(shares, places, 'jane', kind);
      return refuse(shares, 'jane', kind).refusal.message;
    });
    const flags = ['max-requests-inflight', 'max-longrunning-requests'];
    const expected = [...flags, ...flags.map(flag => `${flag}-per-user`), 'rate-limit'];
    for (const [index, flag] of expected.entries()) {
      assert.match(messages[index] ?? '', new RegExp(`--${flag} \\(${Object.values(limits)[index]}\\b`));
      assert.match(messages[index] ?? '', /; try again in 1 s$/);
    }
  });
});
