import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareVersions, parseVersion } from '../../../src/features/shared-watches/watch-event.js';
import { assertLinear } from '../../support/growth.js';
import { createRandom } from '../../support/random.js';

describe('a resource version', () => {
  const rows: readonly (readonly [text: string, version: string | undefined])[] = [
    ['1', '1'],
    ['10', '10'],
    ['0010', '10'],
    ['18446744073709551616', '18446744073709551616'],
    ['9'.repeat(5000), '9'.repeat(5000)],
    ...['', '0', '000', '-1', '+1', ' 1', '1 ', '1\n', '1.0', '1e3', '0x1', 'abc', '1a', '１', '١'].map(
      text => [text, undefined] as const,
    ),
  ];
  it('reads as a number without leading zeros, and nothing else does', () => {
    for (const [text, version] of rows) assert.equal(parseVersion(text), version, text.slice(0, 25));
  });

  it('is compared as a number of any length', () => {
    const random = createRandom(1);
    const digits = () =>
      `${1 + random.below(9)}${Array.from({ length: random.below(25) }, () => random.below(10)).join('')}`;
    for (let round = 0; round < 5000; round++) {
      const one = digits();
      const other = random.chance(0.1) ? one : digits();
      const difference = BigInt(one) - BigInt(other);
      const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0;
      assert.equal(Math.sign(compareVersions(one, other)), expected, `${one} ${other}`);
    }
  });

  it('takes linear time', () => {
    const shapes = [
      (length: number) => `${'0'.repeat(length)}x`,
      (length: number) => `${'0'.repeat(length)}${'1'.repeat(length)}x`,
    ];
    for (const shape of shapes) {
      assertLinear(1e6, length => {
        const text = shape(length);
        return () => assert.equal(parseVersion(text), undefined);
      });
    }
  });
});
