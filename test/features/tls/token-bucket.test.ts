import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBucket } from '../../../src/features/tls/token-bucket.js';

/** Takes tokens until there is none, and returns how many there were. */
function drain(bucket: TokenBucket, now: number): number {
  let taken = 0;
  while (bucket.take(now)) taken += 1;
  return taken;
}

describe('a token bucket', () => {
  it('has its burst at first, and then as many tokens as its rate gives', () => {
    const bucket = new TokenBucket({ rate: 50, burst: 10 }, 0);
    assert.equal(drain(bucket, 0), 10);
    assert.equal(drain(bucket, 19), 0);
    assert.equal(drain(bucket, 20), 1);
    assert.equal(drain(bucket, 120), 5);
  });

  it('never has more than its burst, however long it is not used', () => {
    const bucket = new TokenBucket({ rate: 50, burst: 10 }, 0);
    drain(bucket, 0);
    assert.equal(drain(bucket, 1e9), 10);
  });

  it('keeps fractions, so that a rate below one per second works too', () => {
    const bucket = new TokenBucket({ rate: 0.1, burst: 1 }, 0);
    assert.equal(drain(bucket, 0), 1);
    for (let now = 1000; now < 10_000; now += 1000) assert.equal(drain(bucket, now), 0, String(now));
    assert.equal(drain(bucket, 10_001), 1);
  });
});
