import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { sharedIdentity } from '../support/certificates/certificates.js';
import { closed } from '../support/closed.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { ownMetrics } from '../support/proxy/own-metric.js';
import { openDescriptors, residentBytes, settled } from '../support/proxy/process-state.js';
import { type ProxyProcess, startProxy, startProxyFor } from '../support/proxy/proxy.js';
import type { Scope } from '../support/scope.js';
import {
  fieldsOf,
  type ServedConnection,
  startFrameServer,
} from '../support/upstreams/http2-frame-server.js';
import { flags, frame, frameTypes, headerBlock } from '../support/upstreams/http2-frames.js';
import { reset, startStrictStack } from '../support/upstreams/strict-upstream.js';
import { heapInUse, inspected } from './garbage.js';

const long = process.env['ENDURANCE'] !== undefined;
const quiet = ['--log-requests=none'];
const event =
  '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1"}}}\n';

/** The program and its API server, which ends or resets a watch after its first event if its target says so. */
interface World {
  readonly proxy: ProxyProcess;
  /** How many connections the API server has, and how many it has accepted. */
  connections(): { readonly open: number; readonly accepted: number };
}

async function overHttp1(scope: Scope): Promise<World> {
  const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  const { upstream, proxy } = await startStrictStack(
    scope,
    (request, socket) => {
      socket.write(head + chunk);
      if (request.target.includes('ends')) socket.write('0\r\n\r\n');
      else if (request.target.includes('breaks')) reset(socket);
    },
    { run: startProxyFor, flags: quiet, env: inspected },
  );
  return { proxy, connections: () => ({ open: upstream.sockets.size, accepted: 0 }) };
}

async function overHttp2(scope: Scope): Promise<World> {
  const { authority } = await sharedIdentity();
  const server = await startFrameServer({ authority, settings: [[3, 250]], onConnection: answerAll });
  const { path } = await writeKubeconfig({
    ...{ server: `https://127.0.0.1:${server.port}`, ca: authority.certificate, token: 'a-token' },
  });
  let proxy: ProxyProcess | undefined;
  scope.after(async () => {
    await proxy?.stop('SIGKILL');
    server.close();
  });
  proxy = await startProxy([`--kubeconfig=${path}`, ...quiet], inspected);
  return { proxy, connections: () => ({ open: 0, accepted: server.accepted.length }) };
}

function answerAll(connection: ServedConnection): void {
  let looked = 0;
  connection.socket.on('progress', () => {
    for (; looked < connection.frames.length; looked++) {
      const request = connection.frames[looked];
      if (request?.type !== frameTypes.headers) continue;
      const id = request.stream;
      const fields = fieldsOf(request).join();
      connection.send(
        frame(frameTypes.headers, flags.endHeaders, id, headerBlock([[':status', '200']])),
        frame(frameTypes.data, fields.includes('ends') ? flags.endStream : 0, id, Buffer.from(event)),
      );
      if (fields.includes('breaks')) connection.reset(id, 2);
    }
  });
}

/** Opens watches, each on its own connection, some at a time. They end, break, or are left by their client after their first event. */
async function watchMany({ proxy }: World, total: number): Promise<void> {
  let started = 0;
  const one = async () => {
    while (started < total) {
      started += 1;
      const how = started % 10 === 0 ? 'breaks' : started % 2 === 0 ? 'leaves' : 'ends';
      const socket = net.connect({ host: '127.0.0.1', port: proxy.port });
      let received = '';
      socket.on('data', bytes => {
        received += bytes.toString('latin1');
        if (how === 'leaves' && received.includes('BOOKMARK')) socket.destroy();
        if (how === 'ends' && received.endsWith('\r\n0\r\n\r\n')) socket.destroy();
      });
      socket.write(`GET /api/v1/pods?watch=1&${how} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await closed(socket);
      if (how !== 'breaks') assert.match(received, /BOOKMARK/);
    }
  };
  await Promise.all(Array.from({ length: 30 }, one));
}

/** What a program has open when all is quiet: descriptors and handles, without those of upstream connections, and memory. */
async function measure({ proxy, connections }: World, most: { descriptors: number; heap: number }) {
  const open = async () =>
    (await ownMetrics(proxy.port)).get('kube_api_proxy_longrunning_requests') ?? Number.NaN;
  assert.equal(await settled(open, 0), 0, 'no watch is open');
  const descriptors = () => openDescriptors(proxy.pid) - connections().open;
  return {
    descriptors: await settled(descriptors, most.descriptors, most.descriptors === 0 ? 1000 : undefined),
    resources: ((await ownMetrics(proxy.port)).get('nodejs_active_resources') ?? 0) - connections().open,
    resident: residentBytes(proxy.pid),
    heap: await settled(() => heapInUse(proxy), most.heap),
  };
}

for (const [version, start, count, bytes] of [
  // A hundred bytes per watch would be 1.5 MB, and half a megabyte.
  ['HTTP/1.1', overHttp1, long ? 100_000 : 15_000, 1e6],
  ['HTTP/2', overHttp2, 5000, 500_000],
] as const) {
  test(`${count} short watches over ${version} leave no descriptor, timer or memory behind`, {
    timeout: 600_000,
  }, async t => {
    const world = await start(t);
    // The first watches fill caches and pools.
    await watchMany(world, 5000);
    const before = await measure(world, { descriptors: 0, heap: Number.POSITIVE_INFINITY });
    const { accepted } = world.connections();
    await watchMany(world, count);
    const now = await measure(world, { descriptors: before.descriptors + 5, heap: before.heap + bytes });
    t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(now)}`);
    assert.ok(now.descriptors <= before.descriptors + 5, `${now.descriptors} descriptors`);
    assert.ok(now.resources <= before.resources + 5, `${now.resources} resources`);
    assert.ok(now.heap < before.heap + bytes, `the heap grew by ${now.heap - before.heap} bytes`);
    assert.ok(
      now.resident - before.resident < 60e6,
      `it grew by ${(now.resident - before.resident) / 1e6} MB`,
    );
    // Over HTTP/2, one connection for each 200 watches that were aborted.
    assert.ok(
      world.connections().accepted - accepted <= 20,
      `${world.connections().accepted - accepted} connections`,
    );
  });
}
