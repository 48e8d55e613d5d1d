import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InitialSchedule } from '../../../src/features/shared-watches/initial-schedule.js';
import { ManualClock } from '../../support/manual-clock.js';

class Request {
  readonly index: number;
  readonly #clock: ManualClock;
  sentAt: number | undefined;
  isReady = true;

  constructor(index: number, clock: ManualClock) {
    this.index = index;
    this.#clock = clock;
  }

  start(): void {
    assert.equal(this.sentAt, undefined, 'it is sent once');
    this.sentAt = this.#clock.monotonic();
  }
}

/** A schedule whose requests say when they were sent. */
class Scheduled {
  readonly clock = new ManualClock(0);
  readonly requests: Request[] = [];
  idle = 0;
  readonly schedule = new InitialSchedule<Request>(this.clock, () => {
    this.idle += 1;
  });

  /** A client asks. Returns the request that it joins. */
  readonly join = (): Request =>
    this.schedule.join(() => {
      const request = new Request(this.requests.length, this.clock);
      this.requests.push(request);
      return request;
    });

  readonly done = (index: number): void => this.schedule.done(this.requests[index] as Request);

  get sent(): (number | undefined)[] {
    return this.requests.map(({ sentAt }) => sentAt);
  }
}

describe('the schedule of requests with initial events', () => {
  it('sends that of a client that comes alone at once', () => {
    const { clock, join, done, schedule } = new Scheduled();
    for (let index = 0; index < 3; index++) {
      assert.equal(join().sentAt, clock.monotonic());
      done(index);
      clock.advance(1_000);
    }
    assert.deepEqual(schedule.requests, []);
  });

  it('lets clients join a request only before it is sent', () => {
    const { clock, join } = new Scheduled();
    assert.deepEqual([join().index, join().index, join().index], [0, 1, 1]);
    clock.advance(100);
    assert.equal(join().index, 2);
  });

  it('sends the next one when the one before it is done, or after 100 ms', () => {
    const one = new Scheduled();
    one.join();
    one.join();
    one.clock.advance(60);
    assert.deepEqual(one.sent, [0, undefined]);
    one.done(0);
    assert.deepEqual(one.sent, [0, 60]);
    const other = new Scheduled();
    other.join();
    other.clock.advance(30);
    other.join();
    other.clock.advance(69);
    assert.deepEqual(other.sent, [0, undefined]);
    other.clock.advance(1);
    assert.deepEqual(other.sent, [0, 100]);
  });

  it('has two under way at most, until somebody has waited for five seconds', () => {
    const scheduled = new Scheduled();
    const { clock, join, done } = scheduled;
    join();
    join();
    clock.advance(100);
    clock.advance(50);
    join();
    clock.advance(4_000);
    join();
    clock.advance(999);
    assert.deepEqual(scheduled.sent, [0, 100, undefined]);
    clock.advance(1);
    assert.deepEqual(scheduled.sent, [0, 100, 5_150]);
    join();
    clock.advance(1_000);
    done(1);
    assert.deepEqual(scheduled.sent, [0, 100, 5_150, undefined], 'two are still under way');
    done(0);
    assert.deepEqual(scheduled.sent, [0, 100, 5_150, 6_150]);
  });

  it('sends 3 for clients that come within 100 ms, and one more for each further 100 ms', () => {
    for (const duration of [1, 7, 40, 99, 150, 400, 3_000])
      for (const time of [100, 200, 300, 1_000]) {
        const { clock, join, done, requests } = new Scheduled();
        const asked: (readonly [request: Request, now: number])[] = [];
        for (let now = 0; now < time + 6_000; now++) {
          if (now < time) asked.push([join(), now]);
          for (const { index, sentAt } of requests) if (sentAt === now - duration) done(index);
          clock.advance(1);
        }
        assert.ok(requests.length <= 3 + (time - 100) / 100, `${requests.length} in ${time} ms`);
        for (const [{ sentAt }, askedAt] of asked) {
          assert.ok(sentAt !== undefined && sentAt >= askedAt, 'nobody joined one that was sent');
          assert.ok(sentAt - askedAt <= 5_000);
        }
      }
  });

  it('drops a request that nobody waits for any more', () => {
    const { clock, join, done, requests, ...scheduled } = new Scheduled();
    join();
    join();
    done(1);
    clock.advance(1_000);
    assert.equal(requests[1]?.sentAt, undefined);
    done(0);
    assert.deepEqual(scheduled.schedule.requests, []);
    done(0);
    assert.equal(join().sentAt, 1_000);
  });

  it('says that it is of no use any more only when its pace allows two at once again', () => {
    const scheduled = new Scheduled();
    const { clock, join, done } = scheduled;
    join();
    done(0);
    join();
    done(1);
    assert.deepEqual(scheduled.sent, [0, 0]);
    clock.advance(199);
    assert.equal(scheduled.idle, 0);
    clock.advance(1);
    assert.equal(scheduled.idle, 1);
    assert.equal(clock.pending, 0);
  });
});
