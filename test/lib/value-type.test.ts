import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byteSize } from '../../src/lib/value-type.js';

describe('a size in bytes', () => {
  it('is a whole number with or without one of the units of a Kubernetes quantity', () => {
    const sizes = {
      0: 0,
      100: 100,
      '64k': 64_000,
      '3M': 3e6,
      '2G': 2e9,
      '1Ki': 1024,
      '256Mi': 2 ** 28,
      '1Gi': 2 ** 30,
    };
    for (const [text, value] of Object.entries(sizes))
      assert.deepEqual(byteSize.parse(text, '--flag'), { value });
  });

  it('may not be any other text', () => {
    for (const text of ['', '-1', '1.5Gi', '1MB', '1 Mi', '1mi', 'Mi', '1e3', '9999999999']) {
      assert.ok('problems' in byteSize.parse(text, '--flag'), text);
    }
  });
});
