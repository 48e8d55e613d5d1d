import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as prom from 'prom-client';
import { Histogram } from '../../../src/observability/metrics/hot-metrics.js';

const buckets = [0.005, 0.1, 1, 2.5];
const values = [0, 0.005, 0.0050001, 0.1, 0.3, 1, 2.5, 2.6, 1e6, 1 / 3];

/** prom-client's histogram and the proxy's, each in its own registry. */
function both<L extends string>(labelNames: readonly L[]) {
  const theirs = new prom.Registry();
  const ours = new prom.Registry();
  const described = { name: 'seconds', help: 'How "long"\\\nit took.', labelNames, buckets };
  return {
    theirs,
    ours,
    reference: new prom.Histogram({ ...described, registers: [theirs] }),
    histogram: new Histogram({ ...described, registry: ours }),
  };
}

async function assertSame({ theirs, ours }: { theirs: prom.Registry; ours: prom.Registry }): Promise<void> {
  assert.equal(await ours.metrics(), await theirs.metrics());
}

describe('Histogram', () => {
  it('writes what prom-client writes, with labels in the order of their first values, and none before', async () => {
    const pair = both(['verb', 'scope']);
    await assertSame(pair);
    const labelsOf = (verb: string) => ({ verb, scope: 'a "quoted"\\\nscope' });
    const observers = new Map(
      ['get', 'list', 'never'].map(verb => [verb, pair.histogram.labels(labelsOf(verb))]),
    );
    for (const [verb, value] of [
      ['list', 2],
      ['get', 1],
      ...values.map(value => ['list', value] as const),
    ] as const) {
      pair.reference.observe(labelsOf(verb), value);
      observers.get(verb)?.observe(value);
    }
    await assertSame(pair);
  });

  it('shows a histogram without labels at 0 from the start', async () => {
    const pair = both([]);
    const observer = pair.histogram.labels({});
    await assertSame(pair);
    for (const value of values) {
      pair.reference.observe(value);
      observer.observe(value);
    }
    await assertSame(pair);
  });
});
