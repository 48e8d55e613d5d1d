import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pauseAfter } from '../../src/lib/backoff.js';

it('a pause doubles with each failure, up to the longest one', () => {
  const failures = [1, 2, 3, 4, 5, 6, 7, 2_000];
  assert.deepEqual(
    failures.map(count => pauseAfter(count, { first: 1_000, most: 30_000 })),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000],
  );
});

it('a pause grows by its factor', () => {
  const pauses = [1, 2, 3].map(count => pauseAfter(count, { first: 400, factor: 1.5, most: 800 }));
  assert.deepEqual(pauses, [400, 600, 800]);
});

it('the random part of a pause is added to it, to the longest one too', () => {
  const pauses = [1, 2, 3].map(count =>
    [0, 0.5, 1].map(part => pauseAfter(count, { first: 100, most: 250, jitter: 0.5 }, () => part)),
  );
  assert.deepEqual(pauses, [
    [100, 125, 150],
    [200, 250, 300],
    [250, 312.5, 375],
  ]);
});
