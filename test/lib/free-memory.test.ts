import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeMemory } from '../../src/lib/free-memory.js';

test('bytes that have their memory for themselves lose it', () => {
  const bytes = Buffer.allocUnsafeSlow(64 * 1024);
  freeMemory(bytes);
  assert.equal(bytes.length, 0);
  assert.equal(bytes.buffer.byteLength, 0);
  freeMemory(bytes);
});

test('a part of a larger buffer stays as it is', () => {
  const whole = Buffer.alloc(100, 'x');
  freeMemory(whole.subarray(1));
  freeMemory(whole.subarray(0, 99));
  const pooled = Buffer.from('pooled');
  freeMemory(pooled);
  assert.equal(whole.toString(), 'x'.repeat(100));
  assert.equal(pooled.toString(), 'pooled');
});
