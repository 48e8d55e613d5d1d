import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type EndedSpan, Spans } from '../../../src/features/tracing/spans.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { Collector } from '../../support/upstreams/trace-collector.js';

async function start(t: TestContext) {
  const collector = await Collector.start(t);
  const counts = { exported: 0, dropped: 0, failed: 0 };
  const metrics = {
    spans(result: keyof typeof counts, count: number) {
      counts[result] += count;
    },
  };
  const spans = new Spans({ url: `${collector.url}/v1/traces`, version: '1.2.3', metrics });
  t.after(() => spans.close());
  const add = (more: Partial<EndedSpan> = {}) => {
    const place = { traceId: spans.newTraceId(), spanId: spans.newSpanId() };
    const times = { from: 1_700_000_000_000, to: 1_700_000_000_001.5 };
    const span = { name: 'GET', kind: 'server', parentId: undefined, attributes: {}, links: [] } as const;
    spans.add({ ...place, ...times, ...span, hasFailed: false, ...more });
    return { place, settled: () => counts.exported + counts.dropped + counts.failed };
  };
  return { collector, counts, spans, add };
}

describe('spans', () => {
  it('are sent as they were given, and counted', async t => {
    const { collector, counts, spans, add } = await start(t);
    const { place } = add({ attributes: { code: 200, name: 'é' }, state: 'a=1' } as Partial<EndedSpan>);
    const link = { traceId: spans.newTraceId(), spanId: spans.newSpanId() };
    add({
      ...place,
      spanId: 'b7ad6b7169203331',
      parentId: place.spanId,
      kind: 'client',
      links: [link],
      hasFailed: true,
    });
    await spans.close();
    const resource = { 'service.name': 'kube-api-proxy', 'service.version': '1.2.3' };
    const common = { traceId: place.traceId, name: 'GET', state: '', resource };
    const times = { from: 1_700_000_000_000_000_000n, to: 1_700_000_000_001_500_000n };
    assert.deepEqual(collector.spans, [
      {
        ...{ ...common, ...times, spanId: place.spanId, parentId: '', kind: 2, status: 0, links: [] },
        attributes: { code: 200, name: 'é' },
      },
      {
        ...{ ...common, ...times, spanId: 'b7ad6b7169203331', parentId: place.spanId, kind: 3, status: 2 },
        ...{ links: [link], attributes: {} },
      },
    ]);
    assert.deepEqual(counts, { exported: 2, dropped: 0, failed: 0 });
  });

  it('have IDs of their own, which are never empty', async t => {
    const { spans } = await start(t);
    const ids = Array.from({ length: 100 }, () => spans.newTraceId() + spans.newSpanId());
    assert.equal(new Set(ids).size, 100);
    for (const id of ids) assert.match(id, /^[0-9a-f]{48}$/);
  });

  it('wait for a collector that says nothing, at most 2048, and the end waits for it two seconds', async t => {
    const { collector, counts, spans, add } = await start(t);
    collector.status = undefined;
    for (let count = 0; count < 3000; count++) add();
    assert.deepEqual(counts, { exported: 0, dropped: 952, failed: 0 });
    const before = performance.now();
    await spans.close();
    const waited = performance.now() - before;
    assert.ok(waited > 1_900 && waited < 10_000, `${waited} ms`);
  });

  it('are lost and counted if the collector refuses them, and later ones are sent', async t => {
    const { collector, counts, add } = await start(t);
    collector.status = 400;
    for (let count = 0; count < 512; count++) add();
    await eventuallyPasses(() => assert.equal(counts.failed, 512));
    collector.status = 200;
    for (let count = 0; count < 512; count++) add();
    await eventuallyPasses(() => assert.equal(counts.exported, 512));
    assert.equal(collector.spans.length, 512);
  });

  it('are lost if there is no collector at the end', async t => {
    const { collector, spans, add } = await start(t);
    collector.close();
    add();
    const before = performance.now();
    await spans.close();
    assert.ok(performance.now() - before < 10_000);
  });

  it('are not changed by variables of the SDK', async t => {
    for (const [name, value] of Object.entries({
      OTEL_TRACES_SAMPLER: 'always_off',
      OTEL_BSP_MAX_QUEUE_SIZE: '1',
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '1',
      OTEL_SPAN_LINK_COUNT_LIMIT: '0',
      OTEL_SDK_DISABLED: 'true',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other',
      OTEL_SERVICE_NAME: 'other',
    })) {
      process.env[name] = value;
      t.after(() => delete process.env[name]);
    }
    const { collector, spans, add } = await start(t);
    const link = { traceId: spans.newTraceId(), spanId: spans.newSpanId() };
    for (let count = 0; count < 20; count++) add({ attributes: { a: 1, b: 2 }, links: [link, link] });
    await spans.close();
    assert.equal(collector.spans.length, 20);
    for (const { attributes, links, resource } of collector.spans) {
      assert.deepEqual([attributes, links.length], [{ a: 1, b: 2 }, 2]);
      assert.equal(resource['service.name'], 'kube-api-proxy');
    }
  });
});
