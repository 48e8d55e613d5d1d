import assert from 'node:assert/strict';
import { describe, it, mock, type TestContext } from 'node:test';
import { ApiError } from '../../../../src/features/explorer/page/api/client.js';
import { Session, type Tokens } from '../../../../src/features/explorer/page/sign-in/session.js';

const first: Tokens = { idToken: 'first', subject: 'alice', lifetime: 300_000, refreshToken: 'r1' };

/** A session by a clock that the test moves, and what it asks of the issuer. */
function start(t: TestContext, tokens: Tokens = first) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const refresh = mock.fn<(before: Tokens) => Promise<Tokens>>();
  const onEnd = mock.fn<(problem: string) => void>();
  const session = new Session(tokens, refresh, onEnd);
  const answer = (given: Partial<Tokens>) =>
    refresh.mock.mockImplementation(async before => ({ ...before, ...given }));
  const fail = (error: Error) => refresh.mock.mockImplementation(() => Promise.reject(error));
  const pass = async (milliseconds: number) => {
    t.mock.timers.tick(milliseconds);
    for (let turn = 0; turn < 20; turn++) await null;
  };
  return { session, refresh, onEnd, answer, fail, pass };
}

describe('the session of a user who signed in', () => {
  it('renews its token a minute before the end, by itself, and then by the newest refresh token', async t => {
    const { session, refresh, answer, pass } = start(t);
    answer({ idToken: 'second', refreshToken: 'r2' });
    await pass(239_000);
    assert.equal(session.ready(), undefined);
    assert.equal(refresh.mock.callCount(), 0);
    await pass(1_000);
    assert.equal(session.token, 'second');
    await pass(240_000);
    assert.deepEqual(
      refresh.mock.calls.map(({ arguments: [before] }) => before.refreshToken),
      ['r1', 'r2'],
    );
  });

  it('renews a token of 5 s after two thirds of its life, a hundred times', async t => {
    const { session, refresh, pass } = start(t, { ...first, lifetime: 5_000 });
    refresh.mock.mockImplementation(async before => ({ ...before, idToken: `${before.idToken}+` }));
    for (let count = 0; count < 100; count++) {
      await pass(3_333);
      assert.equal(refresh.mock.callCount(), count);
      await pass(1);
    }
    assert.equal(refresh.mock.callCount(), 100);
    assert.equal(session.token, `first${'+'.repeat(100)}`);
  });

  it('asks once for all requests that wait, as after the sleep of a machine or for one that the proxy has refused', async t => {
    const { session, refresh, answer } = start(t);
    answer({ idToken: 'second' });
    t.mock.timers.setTime(10 * 300_000);
    await Promise.all([session.ready(), session.ready(), session.ready()]);
    assert.deepEqual([refresh.mock.callCount(), session.token], [1, 'second']);
    answer({ idToken: 'third' });
    await Promise.all([session.replace('second'), session.replace('second')]);
    await session.replace('second');
    assert.deepEqual([refresh.mock.callCount(), session.token], [2, 'third']);
  });

  it('keeps its token while the issuer does not answer, and tries again, but sends none that has ended', async t => {
    const { session, refresh, onEnd, answer, fail, pass } = start(t);
    fail(new ApiError(0, 'away'));
    await pass(240_000);
    assert.equal(session.ready(), undefined);
    t.mock.timers.setTime(Date.now() + 5_000);
    await session.ready();
    assert.equal(refresh.mock.callCount(), 2);
    await pass(60_000);
    for (const sleep of [0, 60_000]) {
      t.mock.timers.setTime(Date.now() + sleep);
      const error = await Promise.resolve(session.ready()).catch((reason: unknown) => reason);
      assert.ok(error instanceof ApiError && error.isPassing, 'its requests fail in a way that passes');
    }
    answer({ idToken: 'second' });
    await pass(5_000);
    assert.equal(session.ready(), undefined);
    assert.equal(session.token, 'second');
    assert.equal(onEnd.mock.callCount(), 0);
  });

  it('ends with its token, once, with a sentence, if the issuer gave no refresh token', async t => {
    const { session, refresh, onEnd, pass } = start(t, { ...first, refreshToken: undefined });
    await pass(299_000);
    assert.equal(session.ready(), undefined);
    assert.equal(onEnd.mock.callCount(), 0);
    await pass(1_000);
    await pass(60_000);
    const said = onEnd.mock.calls.map(call => call.arguments);
    assert.deepEqual([refresh.mock.callCount(), said], [0, [['Your sign-in has ended.']]]);
  });

  // A number such as 1e999 in a token is infinite, and the difference of two of them is none.
  for (const lifetime of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY]) {
    it(`does not ask all the time if a token has no lifetime: ${lifetime}`, async t => {
      const { session, refresh, pass } = start(t, { ...first, lifetime });
      refresh.mock.mockImplementation(async before => before);
      for (let tick = 0; tick < 90; tick++) await pass(10);
      assert.equal(session.ready(), undefined);
      assert.ok(refresh.mock.callCount() < 3);
    });
  }

  it('gives the newest refresh token when it is closed, even one that is on its way, and asks no more', async t => {
    const { session, refresh, onEnd, pass } = start(t);
    let resolve = (_tokens: Tokens) => {};
    const coming = new Promise<Tokens>(done => {
      resolve = done;
    });
    refresh.mock.mockImplementation(() => coming);
    await pass(240_000);
    const closed = session.close();
    resolve({ ...first, refreshToken: 'r2' });
    assert.equal(await closed, 'r2');
    await pass(900_000);
    assert.equal(refresh.mock.callCount(), 1);
    assert.equal(onEnd.mock.callCount(), 0);
  });
});
