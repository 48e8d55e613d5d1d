import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultBuffer } from '../../../src/features/shared-watches/feature.js';
import { parseOptions } from '../../../src/options/parse.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

describe('the memory for shared watches', () => {
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
    it(`is by default ${mebibytes}Mi with a limit of ${limit} on a machine with ${machine}`, () => {
      assert.equal(defaultBuffer(limit, machine), mebibytes * mebibyte);
    });
  }

  it('is by default at most 256Mi here', () => {
    assert.ok(defaultBuffer() <= 256 * mebibyte);
  });

  it('may not be so little that no client could follow', () => {
    const parse = (size: string) => parseOptions({ argv: [`--share-watches-buffer=${size}`], env: {} });
    assert.deepEqual(parse('64Ki').problems, ['--share-watches-buffer is less than 1Mi']);
    assert.equal(parse('1Mi').options.shareWatchesBuffer, mebibyte);
  });
});

describe('sharing across users', () => {
  const problems = (...argv: string[]) => parseOptions({ argv, env: {} }).problems;

  it('needs shared watches, and users', () => {
    assert.match(
      problems('--share-watches-across-users').join('\n'),
      /needs --share-watches\n.*needs a method/,
    );
    assert.match(
      problems('--share-watches', '--share-watches-across-users').join('\n'),
      /^[^\n]*needs a method/,
    );
  });
});
