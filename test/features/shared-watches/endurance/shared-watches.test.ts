import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { heapInUse, inspected } from '../../../endurance/garbage.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { ownMetrics } from '../../../support/proxy/own-metric.js';
import { openDescriptors, settled } from '../../../support/proxy/process-state.js';
import type { ProxyProcess } from '../../../support/proxy/proxy.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const long = process.env['ENDURANCE'] !== undefined;
const megabyte = 1024 * 1024;

function start(t: TestContext, flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return startStack(t, {
    run: startProxyFor,
    server: { requestLogLimit: 100_000, watchHistory: 50_000 },
    flags: ['--share-watches', '--log-requests=none', ...flags],
    env,
  });
}

/** Opens watches a few at a time: the backlog of a listener is finite. */
async function openMany(
  count: number,
  open: (index: number) => Promise<WatchClient>,
): Promise<WatchClient[]> {
  const watches: WatchClient[] = [];
  while (watches.length < count) {
    const some = Array.from({ length: Math.min(50, count - watches.length) }, (_, index) =>
      open(watches.length + index),
    );
    watches.push(...(await Promise.all(some)));
  }
  return watches;
}

test('thousands of clients have one upstream watch, notice no restart, and leave nothing behind', async t => {
  const clients = long ? 3000 : 300;
  const restarts = long ? 10 : 2;
  const stack = await start(t, [], inspected);
  const { server, proxy } = stack;
  const run = async (count: number) => {
    const namespace = new WatchedNamespace(stack);
    const from = server.version;
    const watches = await openMany(count, () => namespace.watch({ from }));
    assert.equal(namespace.upstream().length, 1);
    let written = 0;
    for (let restart = 0; restart < restarts; restart += 1) {
      for (let event = 0; event < 20; event += 1) {
        namespace.write(`n${written}-`);
        written += 1;
        if (event === 10) await server.restart();
      }
      for (const watch of watches) await watch.until(written);
    }
    for (const watch of watches) {
      assert.equal(watch.state(), 'open');
      assert.ok(watch.bytes().equals(watches[0]?.bytes() as Buffer));
      watch.close();
    }
    await namespace.untilUpstream(0);
  };
  await run(clients);
  const before = { heap: await heapInUse(proxy), descriptors: openDescriptors(proxy.pid) };
  await run(clients);
  const heap = await settled(() => heapInUse(proxy), before.heap + megabyte);
  const descriptors = await settled(() => openDescriptors(proxy.pid), before.descriptors + 5);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify({ heap, descriptors })}`);
  assert.ok(heap - before.heap < megabyte, `the heap grew by ${heap - before.heap} bytes`);
  assert.ok(descriptors <= before.descriptors + 5);
});

/** The memory of the program without garbage, in bytes: objects and buffers. */
async function usedBytes(proxy: ProxyProcess): Promise<number> {
  const heap = await heapInUse(proxy);
  return heap + ((await ownMetrics(proxy.port)).get('nodejs_external_memory_bytes') ?? Number.NaN);
}

for (const form of ['json', 'table'] as const) {
  test(`5 stalled readers of 30 MB of events (${form}) cost the memory of one ring, and the others get everything`, async t => {
    const stack = await start(t, [], inspected);
    const { proxy } = stack;
    const namespace = new WatchedNamespace(stack);
    const question = {
      from: stack.server.version,
      ...(form === 'table' && { query: '&includeObject=Object', headers: { Accept: forms.table } }),
    };
    const readers = await namespace.watchMany(5, question);
    const before = await usedBytes(proxy);
    const stalled = await namespace.watchMany(5, question);
    for (const watch of stalled) watch.pause();
    const body = 'x'.repeat(100_000);
    for (let written = 1; written <= (long ? 3_000 : 300); written += 1) {
      const version = namespace.write('large', { body, index: `${written}` });
      if (written % 20 !== 0) continue;
      // Clients begin with other events than the newest: each gets a first event of its own, in a Table with columns.
      const late = await namespace.watchMany(5, { ...question, from: version - 1 - (written % 7) });
      for (const watch of late) {
        await watch.untilNamed(`"index":"${written}"`);
        if (form === 'table') assert.equal(watch.events()[0]?.object.columnDefinitions?.length, 3);
        watch.close();
      }
      for (const watch of readers) await watch.until(written);
    }
    const held = (await usedBytes(proxy)) - before;
    t.diagnostic(`${Math.round(held / megabyte)} MB more`);
    assert.ok(held > 14 * megabyte, 'the ring is full');
    assert.ok(held < 24 * megabyte, `${Math.round(held / megabyte)} MB`);
    for (const watch of readers) assert.equal(watch.state(), 'open');
    for (const watch of stalled) {
      watch.resume();
      assert.equal(await watch.ended, 'cut');
    }
  });
}

/** A namespace with 30 MB of objects. */
function largeObjects(stack: Awaited<ReturnType<typeof start>>): WatchedNamespace {
  const namespace = new WatchedNamespace(stack);
  for (let index = 0; index < 60; index += 1) namespace.write(`n${index}-`, { body: 'x'.repeat(500_000) });
  return namespace;
}

test('stalled clients of initial streams cost the memory of their connections, and get everything when they read', async t => {
  const count = long ? 300 : 30;
  const stack = await start(t, [], inspected);
  const namespace = largeObjects(stack);
  const ask = (index: number) =>
    namespace.watch({ initial: true, query: `&labelSelector=app%21%3Dn${index}` });
  // The memory that the program needs for such objects anyway.
  const first = await ask(0);
  await first.untilListed();
  const before = await usedBytes(stack.proxy);
  const stalled: WatchClient[] = [];
  for (let index = 1; index <= count; index += 1) {
    const watch = await ask(index);
    await watch.until(1);
    watch.pause();
    stalled.push(watch);
  }
  const held = (await usedBytes(stack.proxy)) - before;
  t.diagnostic(`${(held / count / 1024).toFixed(0)} KB for each of ${count} clients`);
  assert.ok(held < count * 1.5 * megabyte, `${Math.round(held / megabyte)} MB`);
  for (const watch of stalled.slice(0, 5)) {
    watch.resume();
    await watch.untilListed();
    assert.equal(watch.frames.length, 61);
    watch.close();
  }
  for (const watch of stalled) watch.close();
});
