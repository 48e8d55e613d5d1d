import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultBuffer } from '../../src/options/shared-watches.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

describe('the default memory for shared watches', () => {
  const rows: readonly (readonly [limit: number, machine: number, mebibytes: number])[] = [
    [128 * mebibyte, 16 * gibibyte, 32],
    [256 * mebibyte, 16 * gibibyte, 64],
    [gibibyte, 16 * gibibyte, 256],
    [8 * gibibyte, 16 * gibibyte, 256],
    [512 * mebibyte, 512 * mebibyte, 128],
    [2 * mebibyte, 16 * gibibyte, 1],
    [0, 16 * gibibyte, 256],
    [16 * gibibyte + 1, 16 * gibibyte, 256],
    // What the kernel says of a control group without a limit.
    [2 ** 64, 512 * mebibyte, 256],
  ];
  for (const [limit, machine, mebibytes] of rows) {
    it(`is ${mebibytes}Mi with a limit of ${limit} on a machine with ${machine}`, () => {
      assert.equal(defaultBuffer(limit, machine), mebibytes * mebibyte);
    });
  }

  it('is at most 256Mi here', () => {
    assert.ok(defaultBuffer() <= 256 * mebibyte);
  });
});
