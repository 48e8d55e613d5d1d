import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { assertLinear } from './growth.js';

/**
 * Replaces the processor time of this process. Returns a run's preparation: it takes microseconds according to the length, and now and then
 * several times as long, as on a machine with other work.
 */
function prepareRuns(t: TestContext, microseconds: (length: number) => number, disturbance = () => 1) {
  let user = 0;
  t.mock.method(process, 'cpuUsage', (before?: NodeJS.CpuUsage) => ({
    user: user - (before?.user ?? 0),
    system: 0,
  }));
  return (length: number) => () => {
    user += microseconds(length) * disturbance();
  };
}

describe('code', () => {
  for (const [what, microseconds] of [
    ['linear', (length: number) => 0.01 * length],
    ['slow and linear', (length: number) => 100 * length],
    ['sorting', (length: number) => 0.01 * length * Math.log2(length)],
    ['immeasurably fast', () => 0],
  ] as const) {
    it(`that is ${what} passes`, t => assertLinear(100_000, prepareRuns(t, microseconds)));
  }

  for (const [what, microseconds] of [
    ['quadratic', (length: number) => 0.000_1 * length ** 2],
    ['quadratic and slow', (length: number) => length ** 2],
    ['cubic', (length: number) => 1e-9 * length ** 3],
  ] as const) {
    it(`that is ${what} fails`, t => {
      const prepare = prepareRuns(t, microseconds);
      assert.throws(
        () => assertLinear(100_000, prepare, 'a path'),
        /a path: [\d.]+ ms, and [\d.]+ ms for four/,
      );
    });
  }

  it('that is linear passes even if the first measurements are disturbed', t => {
    let runs = 0;
    const disturbance = () => (runs++ % 5 === 0 ? 1 : 3);
    assertLinear(
      100_000,
      prepareRuns(t, length => length, disturbance),
    );
    assert.ok(runs > 2, 'the first measurement has shown it');
  });
});
