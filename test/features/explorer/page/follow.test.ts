import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../../../src/features/explorer/page/api/client.js';
import {
  follow,
  type StreamState,
  type Surroundings,
} from '../../../../src/features/explorer/page/api/follow.js';

/** A page that is visible until `hide`, and whose pauses take no time. */
class TestPage implements Surroundings {
  readonly pauses: number[] = [];
  #hide: (() => void) | undefined;
  #isHidden = false;
  #show: (() => void) | undefined;

  hide(): void {
    this.#isHidden = true;
    this.#hide?.();
  }

  show(): void {
    this.#isHidden = false;
    this.#show?.();
  }

  visible = async () => {
    if (this.#isHidden)
      await new Promise<void>(resolve => {
        this.#show = resolve;
      });
  };

  wait = async (milliseconds: number, signal: AbortSignal) => {
    this.pauses.push(milliseconds);
    signal.throwIfAborted();
  };

  onHidden = (callback: () => void) => {
    this.#hide = callback;
  };
}

/** Follows a stream with these attempts, one after the other. The attempt after the last one ends it. */
async function run(
  page: TestPage,
  attempts: readonly ((signal: AbortSignal, onLive: () => void) => Promise<void>)[],
) {
  const ending = new AbortController();
  const states: StreamState['kind'][] = [];
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
  return { states, count, failure };
}

const away = async () => {
  throw new ApiError(503, 'away');
};
const live = async (_signal: AbortSignal, onLive: () => void) => onLive();

describe('the loop that follows a stream', () => {
  it('tries again after a failure with growing pauses, which start over after a success', async () => {
    const page = new TestPage();
    const { states, failure } = await run(page, [away, away, away, live, away]);
    assert.match(String(failure), /the end/);
    assert.deepEqual(states, ['away', 'away', 'away', 'live', 'away']);
    const [first = 0, second = 0, third = 0, afterLife = 0] = page.pauses;
    assert.ok(first < second && second < third && afterLife < second, page.pauses.join());
    assert.ok(page.pauses.every(pause => pause > 0 && pause <= 12_500));
  });

  it('ends with an error that another try cannot remove', async () => {
    const { failure, count } = await run(new TestPage(), [
      async () => {
        throw new ApiError(403, 'forbidden');
      },
    ]);
    assert.deepEqual([String(failure), count], ['ApiError: forbidden', 1]);
  });

  it('ends its attempt while the page is hidden, and starts another one when the page is visible again', async () => {
    const page = new TestPage();
    const { states, count } = await run(page, [
      async (signal, onLive) => {
        onLive();
        page.hide();
        assert.ok(signal.aborted, 'the connection is closed at once');
        queueMicrotask(() => page.show());
        signal.throwIfAborted();
      },
      live,
    ]);
    assert.deepEqual(states, ['live', 'paused', 'live']);
    assert.equal(count, 3);
  });
});
