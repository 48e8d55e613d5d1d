import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/lib/clock.js';
import { Moment } from '../../src/lib/moment.js';
import { ManualClock, unevenTimes } from '../support/manual-clock.js';

const start = Date.UTC(2030, 0, 1);
const day = 86_400_000;

describe('the age of a moment', () => {
  for (const [when, pass] of unevenTimes) {
    it(`grows ${when}`, () => {
      const clock = new ManualClock(start);
      const moment = new Moment(clock);
      assert.equal(moment.time, start);
      pass(clock, 9_999);
      assert.deepEqual([moment.age, moment.ageAt(new Moment(clock))], [9_999, 9_999]);
      clock.advance(1);
      assert.ok(moment.age >= 10_000);
    });
  }

  it('is the greater one if both clocks have moved', () => {
    const clock = new ManualClock(start);
    const moment = new Moment(clock);
    clock.advance(1_000);
    clock.sleep(2_000);
    assert.equal(moment.age, 3_000);
    clock.setBack(2_500);
    assert.equal(moment.age, 1_000);
    clock.advance(500);
    assert.equal(moment.age, 1_500);
  });

  it('is that of the real clocks', async () => {
    const moment = new Moment(systemClock);
    assert.ok(moment.age >= 0);
    await new Promise<void>(resolve => {
      const keepAlive = setTimeout(() => {}, 60_000);
      moment.schedule(20, () => {
        clearTimeout(keepAlive);
        resolve();
      });
    });
    assert.ok(moment.age >= 20, String(moment.age));
  });
});

describe('a function that is scheduled for an age', () => {
  function schedule(age: number) {
    const clock = new ManualClock(start);
    let runs = 0;
    const cancel = new Moment(clock).schedule(age, () => {
      runs += 1;
    });
    return { clock, cancel, runs: () => runs };
  }

  it('runs once, at that age, even if the clock was set back by a day', () => {
    for (const age of [1, 60_000, 60_001, 50 * day]) {
      for (const back of [0, day]) {
        const { clock, runs } = schedule(age);
        clock.setBack(back);
        clock.advance(age - 1);
        assert.equal(runs(), 0);
        clock.advance(1);
        assert.equal(runs(), 1);
        clock.advance(day);
        assert.deepEqual([runs(), clock.pending], [1, 0]);
      }
    }
  });

  it('runs within a minute after the machine has slept until then, and not at once if it is scheduled for the past', () => {
    const { clock, runs } = schedule(3_600_000);
    clock.sleep(3_600_000);
    clock.advance(60_000);
    assert.equal(runs(), 1);
    const late = schedule(-1);
    assert.equal(late.runs(), 0);
    late.clock.advance(0);
    assert.equal(late.runs(), 1);
  });

  it('never runs after it was cancelled', () => {
    const { clock, cancel, runs } = schedule(3_600_000);
    clock.advance(90_000);
    cancel();
    assert.equal(clock.pending, 0);
    clock.advance(3_600_000);
    assert.equal(runs(), 0);
  });
});
