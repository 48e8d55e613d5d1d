import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Authorizer, Denial, Wish } from '../../src/reviews/authorizer.js';
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
  let says: Map<string, Denial | undefined>;
  const pool = answeringPool(() => {
    asked.push('API server');
    return { status: 201, body: { status: { allowed: true } } };
  });
  const question: Question = {
    cluster: { host: 'h', name: 'dev', access: () => accessTo(pool), refused: async () => undefined },
    as: ['Impersonate-User', 'jane', 'Impersonate-Group', 'ops', 'Impersonate-Extra-Scopes', 'all'],
    attributes,
  };
  const authorizer = (name: string, isLate: boolean): Authorizer => ({
    title: name,
    denialOf(wish) {
      asked.push(name);
      wishes.push(wish);
      const found = says.get(name);
      return isLate ? Promise.resolve(found) : found;
    },
  });

  beforeEach(() => {
    reviews = new Reviews(new ManualClock(1_000_000));
    for (const [name, isLate] of [
      ['first', false],
      ['second', true],
      ['third', false],
    ] as const)
      reviews.addAuthorizer(authorizer(name, isLate));
    asked = [];
    wishes = [];
    says = new Map();
  });

  const all = ['first', 'second', 'third'];

  it('is asked before the API server, each time, about the user with all that the API server would know of it', async () => {
    for (const times of [1, 2]) {
      assert.deepEqual(await reviews.ask(question), { isAllowed: true, reason: '', hasError: false });
      assert.deepEqual(asked, times === 1 ? [...all, 'API server'] : all, 'the permission is remembered');
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

  it('can deny, at once or later, and then nobody else is asked', async () => {
    for (const [index, name] of all.entries()) {
      says = new Map([[name, denial(name)]]);
      assert.deepEqual(await reviews.ask(question), {
        ...{ isAllowed: false, reason: `${name} says no`, hasError: false, deniedBy: name },
      });
      assert.equal(await reviews.isStillAllowed(question), false);
      const upTo = all.slice(0, index + 1);
      assert.deepEqual(asked, [...upTo, ...upTo]);
      asked = [];
    }
  });

  it('ends no stream by an error, and lets nothing pass by it', async () => {
    const error = new Error('no answer');
    says = new Map([['second', denial('second', error)]]);
    assert.equal((await reviews.ask(question)).hasError, true);
    await assert.rejects(reviews.isStillAllowed(question), error);
    assert.equal(asked.includes('API server'), false);
  });

  it('is not asked about the identity of the proxy', async () => {
    await reviews.ask({ ...question, as: 'configured' });
    assert.equal(await reviews.isStillAllowed({ ...question, as: 'configured' }), true);
    assert.equal(reviews.isPermitted({ ...question, as: 'configured' }), true);
    assert.deepEqual(asked, ['API server', 'API server']);
  });
});
