import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { replaceEventLoopLag } from '../../../src/observability/metrics/event-loop-lag.js';
import { eventuallyPasses } from '../../support/eventually.js';

/** Seconds between two samples. */
const interval = 0.05;

type Figure = 'min' | 'max' | 'mean' | 'stddev' | 'p50' | 'p90' | 'p99';

function create() {
  const registry = new Registry();
  replaceEventLoopLag(registry);
  return async (): Promise<Record<Figure, number>> => {
    const found: Partial<Record<Figure, number>> = {};
    for (const { name, values } of await registry.getMetricsAsJSON()) {
      const figure = /^nodejs_eventloop_lag_(\w+)_seconds$/.exec(name)?.[1] as Figure;
      found[figure] = (values[0] as { value: number }).value;
    }
    return found as Record<Figure, number>;
  };
}

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

describe('event loop lag', () => {
  it('is 0 if nothing blocks the loop, even though the timer has an interval', async () => {
    const scrape = create();
    // Other programs may block the machine for a while.
    await eventuallyPasses(async () => {
      await sleep(500);
      const { min, p50 } = await scrape();
      assert.ok(min >= 0 && min < interval / 2, `${min}`);
      assert.ok(p50 >= 0 && p50 < interval / 2, `${p50}`);
    });
  });

  it('is the delay of a timer when something blocks the loop', async () => {
    const began = performance.now();
    const scrape = create();
    await sleep(120);
    block(300);
    await sleep(120);
    const { max, p99, mean, stddev } = await scrape();
    const elapsed = (performance.now() - began) / 1000;
    assert.ok(max > 0.24 && max < elapsed, `${max} of ${elapsed} s`);
    assert.ok(p99 > 0.24, `${p99}`);
    assert.ok(mean > 0 && mean < max, `${mean}`);
    assert.ok(stddev > 0, `${stddev}`);
  });

  it('counts since the last scrape, and is 0 if nothing has been measured since', async () => {
    const scrape = create();
    await sleep(70);
    block(300);
    await sleep(70);
    assert.ok((await scrape()).max > 0.2);
    assert.deepEqual(await scrape(), { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 });
  });
});
