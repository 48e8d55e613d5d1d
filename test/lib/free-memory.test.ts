import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeMemory } from '../../src/lib/free-memory.js';

test('a buffer with its own memory loses the memory', () => {
  const bytes = Buffer.allocUnsafeSlow(64 * 1024);
  freeMemory(bytes);
  assert.equal(bytes.length, 0);
  assert.equal(bytes.buffer.byteLength, 0);
  freeMemory(bytes);
});

test('a part of a larger buffer does not change', () => {
  const whole = Buffer.alloc(100, 'x');
  freeMemory(whole.subarray(1));
  freeMemory(whole.subarray(0, 99));
  const pooled = Buffer.from('pooled');
  freeMemory(pooled);
  assert.equal(whole.toString(), 'x'.repeat(100));
  assert.equal(pooled.toString(), 'pooled');
});
