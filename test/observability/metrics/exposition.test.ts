import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import * as prom from 'prom-client';
import { createExposition } from '../../../src/observability/metrics/exposition.js';
import { Histogram } from '../../../src/observability/metrics/hot-metrics.js';

test('An exposition is the text of the registry, written 1,000 samples at a time', async () => {
  const registry = new prom.Registry();
  const described = { help: 'A "text"\\\nof two lines.', labelNames: ['item'] } as const;
  const registers = [registry];
  new prom.Counter({ ...described, name: 'empty_total', registers });
  new prom.Gauge({ ...described, name: 'alone', labelNames: [], registers }).set(1);
  const counter = new prom.Counter({ ...described, name: 'many_total', registers });
  const histogram = new Histogram({ ...described, name: 'seconds', buckets: [1, 2], registry });
  for (let index = 0; index < 2_000; index++) {
    counter.inc({ item: `# HELP\n${index}` });
    histogram.labels({ item: `${index}` }).observe(1);
  }
  let turns = 0;
  let isWritten = false;
  const counting = (async () => {
    while (!isWritten) {
      await setImmediate();
      turns += 1;
    }
  })();
  assert.equal(String(await createExposition(registry)()), await registry.metrics());
  isWritten = true;
  await counting;
  assert.ok(turns >= 14, `${turns} turns of the event loop, for 14 pieces`);
});

test('Those who ask while an exposition is written share the next one, which says all that was before they asked', async () => {
  const registry = new prom.Registry();
  let reads = 0;
  const collect = () => {
    reads += 1;
  };
  new prom.Counter({ name: 'read_total', help: 'h', registers: [registry], collect });
  const counter = new prom.Counter({ name: 'asked_total', help: 'h', registers: [registry] });
  const exposition = createExposition(registry);
  const first = exposition();
  await setImmediate();
  counter.inc();
  const [one, ...others] = await Promise.all(Array.from({ length: 20 }, exposition));
  assert.match(String(one), /^asked_total 1$/m);
  assert.ok(others.every(other => other === one));
  assert.equal(reads, 2);
  assert.notEqual(await exposition(), await first);
});
