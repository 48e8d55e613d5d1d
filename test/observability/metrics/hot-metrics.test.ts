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
  it('writes what prom-client writes', async () => {
    const pair = both(['verb', 'scope']);
    await assertSame(pair);
    const labels = { verb: 'get', scope: 'a "quoted"\\\nscope' };
    const observer = pair.histogram.labels(labels);
    for (const value of values) {
      pair.reference.observe(labels, value);
      observer.observe(value);
    }
    await assertSame(pair);
  });

  it('shows labels in the order of their first values, and none before', async () => {
    const pair = both(['verb']);
    const [get, list] = [pair.histogram.labels({ verb: 'get' }), pair.histogram.labels({ verb: 'list' })];
    pair.histogram.labels({ verb: 'never' });
    list.observe(2);
    get.observe(1);
    list.observe(0.1);
    for (const [verb, value] of [
      ['list', 2],
      ['get', 1],
      ['list', 0.1],
    ] as const) {
      pair.reference.observe({ verb }, value);
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
