import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoffAfter } from '../../src/lib/backoff.js';

describe('the backoff', () => {
  it('starts at one second and doubles up to half a minute', () => {
    const failures = [1, 2, 3, 4, 5, 6, 7, 2_000];
    assert.deepEqual(
      failures.map(backoffAfter),
      [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000],
    );
  });
});
