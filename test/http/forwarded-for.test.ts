import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardedFor } from '../../src/http/forwarded-for.js';

/** Reads a request with one X-Forwarded-For for each value. */
const read = (...values: readonly string[]) =>
  forwardedFor(['Host', 'x', ...values.flatMap(value => ['x-Forwarded-FOR', value]), 'Forwarded', 'y']);
const address = '198.51.100.7';
const row = (length: number) => Array.from({ length }, (_, index) => `10.0.0.${index}`);

describe('X-Forwarded-For', () => {
  it('is one list of all its lines', () => {
    assert.equal(read(), undefined);
    assert.deepEqual(forwardedFor(['X-Forwarded-For', 'a']), { list: 'a', isCut: false });
    assert.deepEqual(read(''), { list: '', isCut: false });
    assert.deepEqual(read(',a,'), { list: ',a,', isCut: false });
    assert.deepEqual(read('a', 'b,c', 'd'), { list: 'a, b,c, d', isCut: false });
  });

  it('has its last 64 addresses, whatever a client writes before them', () => {
    const whole = row(64).join(',');
    assert.deepEqual(read(whole), { list: whole, isCut: false });
    for (const before of ['9.9.9.9,', ',', 'x'.repeat(100_000), `${','.repeat(100_000)}`]) {
      const separated = before.endsWith(',') ? before : `${before},`;
      assert.deepEqual(read(separated + whole), { list: whole, isCut: true }, before.slice(0, 9));
    }
    const lines = read(...row(1000));
    assert.deepEqual(
      lines?.list.split(',').map(text => text.trim()),
      row(1000).slice(-64),
    );
  });

  it('has no more than 4 KB, and no address that is cut', () => {
    const long = 'x'.repeat(4096 - address.length - 1);
    assert.deepEqual(read(`${long},${address}`), { list: `${long},${address}`, isCut: false });
    assert.deepEqual(read(`x${long},${address}`), { list: address, isCut: true });
    assert.deepEqual(read(`x${long}`, address), { list: ` ${address}`, isCut: true });
    assert.deepEqual(read('x'.repeat(5_000)), { list: '', isCut: true });
    assert.deepEqual(read(address, 'x'.repeat(5_000)), { list: '', isCut: true });
  });
});
