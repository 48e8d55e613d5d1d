import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { runInSlices, type Steps } from '../../../src/features/served-kubeconfig/steps.js';

/** Steps of one millisecond each. */
function* work(count: number): Steps<string> {
  for (let step = 0; step < count; step++) {
    for (const end = performance.now() + 1; performance.now() < end; );
    yield;
  }
  return 'done';
}

describe('work in steps', () => {
  it('gives the event loop back in slices, and returns its result', async () => {
    let turns = 0;
    let isOver = false;
    const others = (async () => {
      for (; !isOver; turns++) await setImmediate();
    })();
    assert.equal(await runInSlices(work(60)), 'done');
    isOver = true;
    await others;
    assert.ok(turns >= 12, `${turns} turns of the event loop`);
  });

  it('fails with the error of a step', async () => {
    function* failing(): Steps<never> {
      yield;
      throw new Error('broken');
    }
    await assert.rejects(runInSlices(failing()), /broken/);
  });
});
