import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rights } from '../../../src/features/shared-watches/rights.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { Moment } from '../../../src/lib/moment.js';
import type { Question, Reviews, Verdict } from '../../../src/reviews/reviews.js';
import { ManualClock } from '../../support/manual-clock.js';
import { hasAllRights, turn } from './sharing.js';

const atATime = 16;

/** Reviews that a test answers. */
function paced() {
  const clock = new ManualClock(0);
  const asked: { readonly user: string; answer(verdict: Verdict | Error): void }[] = [];
  const reviews = {
    isPermitted: () => false,
    ask: ({ as }: Question) =>
      new Promise<Verdict>((resolve, reject) => {
        const answer = (verdict: Verdict | Error) =>
          verdict instanceof Error ? reject(verdict) : resolve(verdict);
        asked.push({ user: String(as[1]), answer });
      }),
  } as unknown as Reviews;
  const rights = new Rights(reviews, hasAllRights, clock);
  const ask = (user: string, as: Question['as'] = ['Impersonate-User', user]) =>
    rights.check(
      { as, attributes: { resourceAttributes: {} } } as unknown as Question,
      undefined,
    ) as Promise<boolean>;
  const users = () => asked.map(({ user }) => user);
  return { clock, asked, ask, users };
}

const yes: Verdict = { isAllowed: true, reason: '', hasError: false };

describe('questions about many users', () => {
  it('are asked a few at a time, and the next one after each answer or error, when its connection is free', async () => {
    const { asked, ask } = paced();
    const answers = Array.from({ length: 100 }, (_, index) => ask(`user-${index}`).catch(() => 'failed'));
    await turn();
    for (let answered = 0; answered < 100; answered += 1) {
      assert.equal(asked.length, Math.min(answered + atATime, 100));
      const before = asked.length;
      asked[answered]?.answer(answered % 2 === 0 ? yes : new Error('no answer'));
      // The connection is given back at this moment.
      await turn();
      assert.equal(asked.length, before);
      await turn();
    }
    const all = await Promise.all(answers);
    assert.deepEqual(all.slice(0, 2), [true, 'failed']);
  });

  it('do not wait for slow answers, nor for a user who has many of them, that of the kubeconfig or nobody too', async () => {
    const { clock, ask, users } = paced();
    for (let count = 0; count < 100; count += 1) ask('', count % 2 === 0 ? 'configured' : []).catch(() => {});
    await turn();
    assert.equal(users().length, atATime / 2);
    ask('other').catch(() => {});
    await turn();
    assert.equal(users().at(-1), 'other');
    for (let count = 0; count < 20; count += 1) ask(`user-${count}`).catch(() => {});
    clock.advance(1_000);
    await turn();
    clock.advance(1_000);
    await turn();
    for (let count = 0; count < 20; count += 1) assert.ok(users().includes(`user-${count}`));
  });
});

describe('the right of the proxy itself to a watch', () => {
  const question = { as: ['Impersonate-User', 'jane'], attributes: {} } as unknown as Question;

  it('is asked about after that of the user, whom a missing one keeps out, and the two answers count together', async () => {
    const asked: string[] = [];
    let isAllowed = true;
    let own: boolean | Error = true;
    let proven = { user: false, own: false };
    const rights = new Rights(
      {
        isPermitted: () => proven.user,
        permitted: () => void asked.push('permitted'),
        ask: async () => {
          asked.push('user');
          return { ...yes, isAllowed };
        },
      },
      {
        isProven: () => proven.own,
        proven: () => void asked.push('proven'),
        missingFor: async () => {
          asked.push('own');
          if (own instanceof Error) throw own;
          return own ? undefined : new StatusError(403, 'no');
        },
      },
      new ManualClock(0),
    );
    assert.equal(await rights.mayWatch(question), true);
    assert.deepEqual(asked.splice(0), ['user', 'own']);
    own = false;
    assert.equal(await rights.mayWatch(question), false);
    assert.equal(await rights.check(question, undefined), false);
    own = new Error('away');
    await assert.rejects(Promise.resolve(rights.check(question, undefined)), own);
    isAllowed = false;
    asked.splice(0);
    assert.equal(await rights.check(question, undefined), false);
    assert.deepEqual(asked.splice(0), ['user']);
    for (const half of [
      { user: true, own: false },
      { user: false, own: true },
    ]) {
      proven = half;
      assert.notEqual(rights.mayWatch(question), true);
    }
    proven = { user: true, own: true };
    assert.deepEqual([rights.mayWatch(question), rights.check(question, undefined)], [true, true]);
    asked.splice(0);
    rights.proven(question, new Moment(new ManualClock(0)));
    assert.deepEqual(asked, ['permitted', 'proven']);
  });
});
