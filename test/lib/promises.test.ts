import assert from 'node:assert/strict';
import { getActiveResourcesInfo } from 'node:process';
import { describe, it } from 'node:test';
import { withDeadline, within } from '../../src/lib/promises.js';
import { collectGarbage } from '../support/collect-garbage.js';

const never = new Promise<string>(() => {});
const unexpected = () => assert.fail('it was in time');

function timers(): number {
  return getActiveResourcesInfo().filter(name => name === 'Timeout').length;
}

describe('within', () => {
  it('resolves and rejects as the promise does', async () => {
    assert.equal(await within(60_000, Promise.resolve('result'), unexpected), 'result');
    await assert.rejects(
      within(60_000, Promise.reject(new Error('refused')), unexpected),
      /^Error: refused$/,
    );
  });

  it('keeps the process alive until it is late, and leaves no timer behind', async () => {
    const before = timers();
    await within(60_000, Promise.resolve(), unexpected);
    await within(60_000, Promise.reject(new Error('refused')), unexpected).catch(() => {});
    assert.equal(timers(), before);
    const result = within(1, never, () => 'late');
    assert.equal(timers(), before + 1);
    await result;
  });

  it('resolves to what onLate returns after the time, or rejects with what it throws', async () => {
    const start = performance.now();
    assert.equal(await within(20, never, () => 'late'), 'late');
    assert.ok(performance.now() - start >= 19);
    const late = within(1, never, () => {
      throw new Error('too late');
    });
    await assert.rejects(late, /^Error: too late$/);
  });

  it('ignores a promise that rejects late', async () => {
    let fail = (_: Error) => {};
    const promise = new Promise<string>((_, reject) => {
      fail = reject;
    });
    assert.equal(await within(1, promise, () => 'late'), 'late');
    fail(new Error('nobody waits'));
    // An unhandled rejection would make the test fail in this turn.
    await new Promise(setImmediate);
  });
});

describe('a deadline', () => {
  const ended = (end: AbortSignal) =>
    new Promise<unknown>(resolve => end.addEventListener('abort', () => resolve(end.reason)));

  it('comes after its time, though garbage is collected before, or with the signal', async t => {
    // A deadline does not keep the process alive.
    const alive = setTimeout(() => {}, 10_000);
    t.after(() => clearTimeout(alive));
    const { signal } = new AbortController();
    const late = withDeadline(50, signal, ended);
    await new Promise(setImmediate);
    collectGarbage();
    const { name, message } = (await late) as DOMException;
    assert.deepEqual([name, message], ['TimeoutError', 'within 0.05 s']);
    assert.equal(await withDeadline(60_000, AbortSignal.abort('gone'), async end => end.reason), 'gone');
  });

  it('leaves no timer behind', async () => {
    const before = timers();
    const { signal } = new AbortController();
    await assert.rejects(
      withDeadline(60_000, signal, () => Promise.reject(new Error('refused'))),
      /^Error: refused$/,
    );
    assert.equal(timers(), before);
  });
});
