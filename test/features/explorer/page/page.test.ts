import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { page } from '../../../../src/features/explorer/page/api/page.js';
import { FakeWindow } from './fake-window.js';

/** Whether a promise has resolved by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  const open = Symbol();
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

describe('a browser’s page', () => {
  it('is waited for while it is hidden', async () => {
    const window = new FakeWindow('https://gw.example/');
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
    const window = new FakeWindow('https://gw.example/');
    const leaving = new AbortController();
    let hidden = 0;
    page.onHidden(() => {
      hidden += 1;
    }, leaving.signal);
    for (const state of ['visible', 'hidden', 'visible', 'hidden'] as const) window.turn(state);
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
