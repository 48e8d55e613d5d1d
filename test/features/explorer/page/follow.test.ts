import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ApiError } from '../../../../src/features/explorer/page/api/client.js';
import { follow, type StreamState } from '../../../../src/features/explorer/page/api/follow.js';
import { page } from '../../../../src/features/explorer/page/api/page.js';
import { FakeWindow } from './fake-window.js';

const window = new FakeWindow('https://gw.example/');

/** Follows a stream with these attempts, one after the other; pauses take no time. The attempt after the last one ends it. */
async function run(
  t: TestContext,
  attempts: readonly ((signal: AbortSignal, onLive: () => void) => Promise<void>)[],
) {
  const ending = new AbortController();
  const states: StreamState['kind'][] = [];
  const pauses: number[] = [];
  t.mock.method(page, 'wait', async (milliseconds: number, signal: AbortSignal) => {
    pauses.push(milliseconds);
    signal.throwIfAborted();
  });
  let count = 0;
  const following = follow(
    async (signal, onLive) => {
      const attempt = attempts[count++];
      if (attempt === undefined) {
        ending.abort(new Error('the end'));
        signal.throwIfAborted();
      }
      await attempt?.(signal, onLive);
    },
    ({ kind }) => states.push(kind),
    page,
    ending.signal,
  );
  const failure = await following.catch((error: Error) => error);
  return { states, pauses, count, failure };
}

const away = async () => {
  throw new ApiError(503, 'away');
};
const live = async (_signal: AbortSignal, onLive: () => void) => onLive();

describe('the loop that follows a stream', () => {
  it('tries again after a failure with growing pauses, which start over after a success', async t => {
    const { states, pauses, failure } = await run(t, [away, away, away, live, away]);
    assert.match(String(failure), /the end/);
    assert.deepEqual(states, ['away', 'away', 'away', 'live', 'away']);
    assert.equal(pauses.length, 5, 'there is a pause after a stream that ends at once too');
    const [first = 0, second = 0, third = 0, afterLife = 0] = pauses;
    assert.ok(first < second && second < third && afterLife < second, pauses.join());
    assert.ok(pauses.every(pause => pause > 0 && pause <= 12_500));
  });

  it('ends with an error that another try cannot remove', async t => {
    const { failure, count } = await run(t, [
      async () => {
        throw new ApiError(403, 'forbidden');
      },
    ]);
    assert.deepEqual([String(failure), count], ['ApiError: forbidden', 1]);
  });

  it('ends its attempt while the page is hidden, and starts another one when the page is visible again', async t => {
    const { states, count } = await run(t, [
      async (signal, onLive) => {
        onLive();
        window.turn('hidden');
        assert.ok(signal.aborted, 'the connection is closed at once');
        queueMicrotask(() => window.turn('visible'));
        signal.throwIfAborted();
      },
      live,
    ]);
    assert.deepEqual(states, ['live', 'paused', 'live']);
    assert.equal(count, 3);
  });
});

/** Whether a promise has resolved by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  const open = Symbol();
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

describe('a browser’s page', () => {
  it('is waited for while it is hidden', async () => {
    const { signal } = new AbortController();
    assert.ok(await isDone(page.visible(signal)));
    window.turn('hidden');
    const [visible, leaving] = [page.visible(signal), new AbortController()];
    const left = page.visible(leaving.signal);
    assert.ok(!(await isDone(visible)));
    leaving.abort(new Error('left'));
    await assert.rejects(left, /left/);
    window.turn('visible');
    await visible;
    window.turn('hidden');
    await assert.rejects(page.visible(leaving.signal), /left/);
  });

  it('says when it is hidden, as long as somebody listens', () => {
    const leaving = new AbortController();
    let hidden = 0;
    page.onHidden(() => {
      hidden += 1;
    }, leaving.signal);
    for (const state of ['hidden', 'visible', 'hidden'] as const) window.turn(state);
    assert.equal(hidden, 2);
    leaving.abort();
    window.turn('hidden');
    assert.equal(hidden, 2);
  });

  it('waits for a time, or until nobody does', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const leaving = new AbortController();
    const [waited, left] = [page.wait(1_000, new AbortController().signal), page.wait(1_000, leaving.signal)];
    t.mock.timers.tick(999);
    assert.ok(!(await isDone(waited)));
    leaving.abort(new Error('left'));
    await assert.rejects(left, /left/);
    t.mock.timers.tick(1);
    await waited;
  });
});
