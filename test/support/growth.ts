import assert from 'node:assert/strict';

/** Linear time is four times as long for four times the text, and quadratic time sixteen times. */
const most = 8;
/** Milliseconds of processor time that the shorter run takes, or both are repeated. */
const measurable = 20;
/** How often both runs are measured before they fail. The fastest ones count: other programs make some slower. */
const attempts = 5;
/** After a run of so many milliseconds, one measurement is enough. */
const certain = 1_000;

/** Milliseconds of processor time of this number of runs. */
function timeOf(count: number, run: () => unknown): number {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Asserts that a run takes at most eight times as long for four times the text, whatever the machine. The first measurement that shows it
 * is enough.
 *
 * @param length Of the longer text: more than quadratic code can read in a moment.
 * @param prepare Makes a text of about this length, and returns what is measured: the run that reads it.
 * @param what Names the text in the error.
 */
export function assertLinear(length: number, prepare: (length: number) => () => unknown, what = 'it'): void {
  const [shorter, longer] = [prepare(length / 4), prepare(length)];
  const times: { short: number; long: number }[] = [];
  const best = (of: 'short' | 'long') => Math.min(...times.map(time => time[of]));
  for (let count = 1; times.length < attempts; ) {
    const [short, long] = [timeOf(count, shorter), timeOf(count, longer)];
    times.push({ short, long });
    if (best('long') <= most * best('short')) return;
    if (long >= certain) break;
    if (short >= measurable) continue;
    times.length = 0;
    count *= 2;
  }
  assert.fail(`${what}: ${best('short')} ms, and ${best('long')} ms for four times the text`);
}
