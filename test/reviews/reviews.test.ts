import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Moment } from '../../src/lib/moment.js';
import { type Question, Reviews } from '../../src/reviews/reviews.js';
import { AskedReviews } from '../support/asked-reviews.js';
import { ManualClock } from '../support/manual-clock.js';
import { ToldPhases } from '../support/told-phases.js';
import type { Answer } from '../support/transport/answering-pool.js';
import { endpoint } from '../support/transport/upstream-requests.js';

const watch = { resourceAttributes: { verb: 'watch' } };

describe('permissions', () => {
  const never = () => assert.fail('nothing is asked');
  const createCluster = () => ({ host: '', name: '', access: never, refused: never });
  const of = (cluster: Question['cluster'], user: number): Question => ({
    ...{ cluster, attributes: watch },
    as: ['Impersonate-User', `user-${user}`],
  });

  it('that have expired are forgotten, and make no room scarce for those that count', () => {
    const clock = new ManualClock(1_000_000);
    const reviews = new Reviews(clock);
    const [before, now] = [createCluster(), createCluster()];
    const count = 4_000;
    const permit = (cluster: Question['cluster']) => {
      for (let user = 0; user < count; user += 1) reviews.permitted(of(cluster, user), new Moment(clock));
    };
    const counting = (cluster: Question['cluster']) =>
      Array.from({ length: count }, (_, user) => user).filter(user => reviews.isPermitted(of(cluster, user)));
    permit(before);
    clock.advance(5_000);
    reviews.permitted(of(before, 0), new Moment(clock));
    assert.equal(counting(before).length, count);
    clock.advance(5_000);
    assert.deepEqual(counting(before), [0]);
    clock.advance(10_000);
    permit(now);
    assert.equal(counting(now).length, count);
    clock.advance(20_000);
    assert.equal(clock.pending, 0);
  });
});

describe('a right that is asked about again', () => {
  let api: AskedReviews;
  let { reviews, clock, question } = new AskedReviews();
  const says = (status: object | string, code?: number) => api.says(status, code);

  beforeEach(() => {
    api = new AskedReviews();
    ({ reviews, clock, question } = api);
  });

  it('goes on or has ended by what the API server says now, whatever it said before', async () => {
    await reviews.ask(question);
    assert.equal((await reviews.askNow(question)).isAllowed, true);
    says({ allowed: false });
    assert.equal(reviews.isPermitted(question), true);
    assert.equal((await reviews.askNow(question)).isAllowed, false);
    assert.equal(api.asked, 3);
    assert.equal(reviews.isPermitted(question), false, 'nothing goes on from memory');
    assert.equal((await reviews.ask(question)).isAllowed, false);
  });

  it('is one wait of all that ask at the same time, and none for those who have the answer', async () => {
    const told = new ToldPhases();
    await Promise.all([reviews.ask(question, told), reviews.ask(question, told)]);
    await reviews.ask(question, told);
    assert.equal(api.asked, 1);
    told.assertOneForTwo('review');
  });

  it('does not share a review that began before', async () => {
    let release: (value: Answer) => void = () => {};
    api.answer = () => new Promise(resolve => (release = resolve));
    const before = reviews.ask(question);
    await new Promise(setImmediate);
    const refuse = release;
    says({ allowed: true });
    assert.equal((await reviews.askNow(question)).isAllowed, true);
    refuse({ status: 201, body: { status: { allowed: false } } });
    assert.equal((await before).isAllowed, false);
  });

  it('counts once for one user, whoever asks and with which credential, and a no ends it for all of them', async () => {
    const id = ['Impersonate-Extra-Authentication.kubernetes.io%2fcredential-Id', 'JTI=1'];
    const user = { key: 'the proxy', isUserOf: () => true };
    const same: readonly Question[] = [
      { ...question, access: { judgedFor: endpoint } },
      { ...question, access: { judgedFor: { ...endpoint, context: 'b' }, namesContext: true } },
      { ...question, access: { judgedFor: endpoint, user } },
      { ...question, as: ['Impersonate-User', 'jane', ...id], access: { judgedFor: endpoint } },
    ];
    const [first, ...others] = same as [Question, ...Question[]];
    for (const each of same) {
      clock.advance(1);
      says({ allowed: true });
      await reviews.ask(first);
      assert.deepEqual(
        same.map(one => reviews.isPermitted(one)),
        same.map(() => true),
      );
      says({ allowed: false });
      assert.equal((await reviews.askNow({ ...each, access: { judgedFor: endpoint } })).isAllowed, false);
      assert.deepEqual(
        same.map(one => reviews.isPermitted(one)),
        same.map(() => false),
      );
    }
    clock.advance(1);
    for (const each of others) reviews.permitted(each, new Moment(clock));
    for (const each of same) assert.equal(reviews.isPermitted(each), true);
    const different: readonly Question[] = [
      { ...first, as: ['Impersonate-User', 'jan'] },
      { ...first, as: ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'] },
      { ...first, as: 'configured' },
      { ...first, attributes: { resourceAttributes: { verb: 'list' } } },
      { ...first, access: { judgedFor: { ...endpoint, server: 'other' } } },
      { ...first, cluster: { ...question.cluster } },
    ];
    for (const each of different) assert.equal(reviews.isPermitted(each), false);
  });

  it('that a no ends is given by no review that began before: nobody joins it, and nobody remembers it', async () => {
    let permit: (value: Answer) => void = () => {};
    api.answer = () => new Promise(resolve => (permit = resolve));
    const before = reviews.ask(question);
    await new Promise(setImmediate);
    const permitLate = permit;
    says({ allowed: false });
    assert.equal((await reviews.askNow(question)).isAllowed, false);
    assert.equal((await reviews.ask(question)).isAllowed, false);
    permitLate({ status: 201, body: { status: { allowed: true } } });
    assert.equal((await before).isAllowed, true);
    assert.equal(reviews.isPermitted(question), false);
    assert.equal((await reviews.ask(question)).isAllowed, false);
  });

  it('is forgotten at any definite no, also of a review whose answer comes after a permission', async () => {
    for (const [status, stays] of [
      [{ allowed: false, evaluationError: 'e' }, true],
      [{ allowed: false }, false],
    ] as const) {
      says(status);
      const own = { ...question, cluster: { ...question.cluster } };
      const asking = reviews.ask(own);
      reviews.permitted(own, new Moment(clock));
      await asking;
      assert.equal(reviews.isPermitted(own), stays);
    }
  });

  it('counts for 10 s from the moment at which it was asked for, unless a definite no has come since', async () => {
    const no = { allowed: false };
    for (const [status, ask, counts] of [
      [no, () => reviews.askNow(question), false],
      [no, () => reviews.ask(question), false],
      [{ ...no, evaluationError: 'e' }, () => reviews.ask(question), true],
    ] as const) {
      clock.advance(10_000);
      const since = new Moment(clock);
      says(status);
      clock.advance(1_000);
      await ask();
      clock.advance(1_000);
      reviews.permitted(question, since);
      assert.equal(reviews.isPermitted(question), counts);
      // What is asked for after the no counts.
      reviews.permitted(question, new Moment(clock));
      assert.equal(reviews.isPermitted(question), true);
      reviews.permitted(question, since);
      clock.advance(7_999);
      assert.equal(reviews.isPermitted(question), true);
      clock.advance(1);
      assert.equal(reviews.isPermitted(question), !counts);
    }
    clock.advance(20_000);
    assert.equal(clock.pending, 0);
  });
});
