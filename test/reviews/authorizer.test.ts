import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Denial, Wish } from '../../src/reviews/authorizer.js';
import { type Question, Reviews } from '../../src/reviews/reviews.js';
import { ManualClock } from '../support/manual-clock.js';
import { answeringPool } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const attributes = { resourceAttributes: { verb: 'watch', resource: 'pods' } };
const denial = (by: string, error?: Error): Denial => ({ by, attributes, reason: `${by} says no`, error });

describe('an added authorizer', () => {
  let reviews: Reviews;
  let asked: string[];
  let wishes: Wish[];
  let says: Denial | undefined;
  let isLate: boolean;
  const pool = answeringPool(() => {
    asked.push('API server');
    return { status: 201, body: { status: { allowed: true } } };
  });
  const question: Question = {
    cluster: { host: 'h', name: 'dev', access: () => accessTo(pool), refused: async () => undefined },
    as: ['Impersonate-User', 'jane', 'Impersonate-Group', 'ops', 'Impersonate-Extra-Scopes', 'all'],
    attributes,
  };

  beforeEach(() => {
    reviews = new Reviews(new ManualClock(1_000_000));
    reviews.authorizer = {
      title: 'policy',
      denialOf(wish) {
        asked.push('policy');
        wishes.push(wish);
        return isLate ? Promise.resolve(says) : says;
      },
    };
    isLate = false;
    asked = [];
    wishes = [];
    says = undefined;
  });

  it('is asked before the API server, each time, about the user with all that the API server would know of it', async () => {
    for (const times of [1, 2]) {
      assert.deepEqual(await reviews.ask(question), { isAllowed: true, reason: '', hasError: false });
      assert.deepEqual(
        asked,
        times === 1 ? ['policy', 'API server'] : ['policy'],
        'the permission is remembered',
      );
      asked = [];
    }
    const user = {
      ...{ username: 'jane', uid: undefined, groups: ['ops', 'system:authenticated'] },
      extra: new Map([['scopes', ['all']]]),
    };
    for (const wish of wishes)
      assert.deepEqual(wish, { user, attributes, cluster: 'dev', phases: undefined });
    assert.equal(reviews.isPermitted(question), false, 'a remembered permission is no way past it');
  });

  it('can deny, at once or later, and then the API server is not asked', async () => {
    says = denial('policy');
    const no = { isAllowed: false, reason: 'policy says no', hasError: false, deniedBy: 'policy' };
    for (isLate of [false, true]) {
      assert.deepEqual(await reviews.ask(question), no);
      assert.deepEqual(await reviews.askNow(question), no);
    }
    assert.deepEqual(asked, Array(4).fill('policy'));
  });

  it('lets nothing pass by its error', async () => {
    says = denial('policy', new Error('no answer'));
    for (const verdict of [await reviews.ask(question), await reviews.askNow(question)])
      assert.deepEqual([verdict.isAllowed, verdict.hasError], [false, true]);
    assert.equal(asked.includes('API server'), false);
  });

  it('is not asked about the identity of the proxy', async () => {
    await reviews.ask({ ...question, as: 'configured' });
    assert.equal((await reviews.askNow({ ...question, as: 'configured' })).isAllowed, true);
    assert.equal(reviews.isPermitted({ ...question, as: 'configured' }), true);
    assert.deepEqual(asked, ['API server', 'API server']);
  });
});
