import assert from 'node:assert/strict';
import net from 'node:net';
import { after, test } from 'node:test';
import { closed } from '../support/closed.js';
import { ownMetrics } from '../support/proxy/own-metric.js';
import { openDescriptors, residentBytes, settled } from '../support/proxy/process-state.js';
import { reset, startStrictStack } from '../support/upstreams/strict-upstream.js';
import { heapInUse, inspected } from './garbage.js';

const long = process.env['ENDURANCE'] !== undefined;
const count = long ? 100_000 : 15_000;
/** The first watches fill caches and pools. */
const warmUp = 5000;
const parallel = 50;

const event =
  '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1"}}}\n';
const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;

const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => {
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    if (request.target.includes('ends')) socket.write('0\r\n\r\n');
    else if (request.target.includes('breaks')) reset(socket);
  },
  { flags: ['--log-requests=none'], env: inspected },
);

/** One watch on its own connection, until its end or until the client leaves. */
async function watch(how: 'leaves' | 'ends' | 'breaks'): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port: proxy.port });
  let received = '';
  socket.on('data', bytes => {
    received += bytes.toString('latin1');
    if (how === 'leaves' && received.includes('BOOKMARK')) socket.destroy();
    if (how === 'ends' && received.endsWith('\r\n0\r\n\r\n')) socket.destroy();
  });
  socket.write(`GET /api/v1/pods?watch=1&${how} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await closed(socket);
  return received;
}

async function watchMany(total: number): Promise<void> {
  let started = 0;
  const one = async () => {
    while (started < total) {
      started += 1;
      const how = started % 10 === 0 ? 'breaks' : started % 2 === 0 ? 'leaves' : 'ends';
      const received = await watch(how);
      if (how !== 'breaks') assert.match(received, /BOOKMARK/);
    }
  };
  await Promise.all(Array.from({ length: parallel }, one));
}

/** How many watches are open. */
async function openWatches(): Promise<number> {
  return (await ownMetrics(proxy.port)).get('kube_api_proxy_longrunning_requests') ?? Number.NaN;
}

/**
 * The open resources when all is quiet: descriptors, without those of idle upstream connections; handles; memory. Waits until there are no more
 * descriptors than this, or for a second.
 */
async function measure(most?: number) {
  await settled(openWatches, 0);
  const count = () => openDescriptors(proxy.pid) - upstream.sockets.size;
  const descriptors = most === undefined ? await settled(count, 0, 1000) : await settled(count, most);
  const metrics = await ownMetrics(proxy.port);
  return {
    descriptors,
    resources: (metrics.get('nodejs_active_resources') ?? Number.NaN) - upstream.sockets.size,
    resident: residentBytes(proxy.pid),
    open: metrics.get('kube_api_proxy_longrunning_requests') ?? Number.NaN,
    heap: await heapInUse(proxy),
  };
}

test(`${count} short watches leave no descriptor, timer or memory behind`, {
  timeout: 600_000,
}, async t => {
  await watchMany(warmUp);
  const before = await measure();
  const began = Date.now();
  await watchMany(count);
  const now = await measure(before.descriptors + 3);
  t.diagnostic(`${Math.round((count * 1000) / (Date.now() - began))} watches a second`);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(now)}`);
  assert.equal(now.open, 0);
  assert.ok(
    now.descriptors <= before.descriptors + 3,
    `${now.descriptors} descriptors, ${before.descriptors} before`,
  );
  assert.ok(now.resources <= before.resources + 5, `${now.resources} resources, ${before.resources} before`);
  // A hundred bytes per watch would be 1.5 MB.
  assert.ok(now.heap - before.heap < 1e6, `the heap grew by ${(now.heap - before.heap) / 1e6} MB`);
  assert.ok(now.resident - before.resident < 60e6, `it grew by ${(now.resident - before.resident) / 1e6} MB`);
  assert.equal(upstream.requests.length, count + warmUp);
});
