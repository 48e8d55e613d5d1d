import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { send } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { openDescriptors, settled } from '../../support/proxy/process-state.js';
import { createRandom, type Random } from '../../support/random.js';
import {
  connectionPreface,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
  settingsFrame,
  uint32,
} from '../../support/upstreams/http2-frames.js';
import { ok, startStrictStack } from '../../support/upstreams/strict-upstream.js';

const long = process.env['ENDURANCE'] !== undefined;
const clients = long ? 2_000 : 100;
const seed = Number(process.env['CHAOS_SEED'] ?? 7);
/** The time in milliseconds within which the program detects that a client has gone. */
const patience = 25_000;
/** The size of a list in bytes, and of a list that is larger than any socket's buffers. */
const large = 3_000_000;
const huge = 64_000_000;

/** Watches that are open at the API server. */
let watches = 0;

const list = ok('x'.repeat(large));
const event = `${(20_000).toString(16)}\r\n${'x'.repeat(20_000)}\r\n`;
const limits = ['--max-requests-inflight=20', '--max-longrunning-requests=20'];
const { upstream, proxy, ca } = await startStrictStack(
  { after },
  ({ target }, socket) => {
    if (target === '/huge') socket.write(ok('x'.repeat(huge)));
    else if (target.includes('watch')) {
      watches += 1;
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const timer = setInterval(() => {
        if (!socket.writableNeedDrain) socket.write(event);
      }, 3);
      socket.once('close', () => {
        watches -= 1;
        clearInterval(timer);
      });
    } else socket.write(list);
  },
  { tls: true, flags: ['--log-requests=none', '--admin-port=0', ...limits] },
);
const admin = await adminPort(proxy);

/** A connection with windows that never close. */
async function connect(): Promise<tls.TLSSocket> {
  const { port } = proxy;
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const most = 2 ** 31 - 1;
  socket.write(
    Buffer.concat([
      Buffer.from(connectionPreface),
      settingsFrame([4, most]),
      frame(frameTypes.windowUpdate, 0, 0, uint32(most - 65_535)),
    ]),
  );
  return socket;
}

function request(stream: number, path: string): Buffer {
  return frame(frameTypes.headers, flags.endHeaders + flags.endStream, stream, headerBlock(get(path)));
}

/** Requests lists and watches, reads them or not, and leaves in the middle. */
async function openAndLeave(random: Random): Promise<void> {
  const socket = await connect();
  const count = 1 + random.below(3);
  for (let number = 0; number < count; number += 1) {
    socket.write(request(2 * number + 1, random.pick(['/api/v1/pods', '/api/v1/pods?watch=1'])));
  }
  if (random.chance(0.5)) socket.resume();
  await delay(5 + random.below(55));
  if (random.chance(0.4)) {
    socket.end();
    await delay(20);
  }
  // If the client has unread bytes, this is a reset.
  socket.destroy();
}

async function metric(name: string): Promise<number> {
  const { text } = await send(admin, '/metrics');
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
  assert.ok(values.length > 0, name);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function leave(number: number): Promise<void> {
  const random = createRandom(seed + number);
  let left = number;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await openAndLeave(random);
    }
  };
  await Promise.all(Array.from({ length: 10 }, client));
  for (const name of ['kube_api_proxy_inflight_requests', 'kube_api_proxy_longrunning_requests']) {
    await eventually(`${name} of 0`, async () => (await metric(name)) === 0, 3 * patience);
  }
  await eventually('no watch at the API server', () => watches === 0);
}

test(`${clients} HTTP/2 clients that leave in the middle of their answers leave nothing behind (seed ${seed})`, {
  timeout: 600_000,
}, async t => {
  const warm = await connect();
  warm.write(request(1, '/api/v1/pods'));
  await once(warm, 'data');
  warm.destroy();
  const descriptors = openDescriptors(proxy.pid) - upstream.sockets.size;
  const memory = await metric('nodejs_external_memory_bytes');
  await leave(clients);
  const left = await settled(() => openDescriptors(proxy.pid) - upstream.sockets.size - descriptors, 2);
  assert.ok(left <= 2, `${left} descriptors too many are open`);
  // Waiting answers are in these buffers; the heap and the resident set first grow to their limits. Each client that is kept would have 0.3 MB.
  const grown = async () => (await metric('nodejs_external_memory_bytes')) - memory;
  await eventually('memory for no client', async () => (await grown()) < 30e6);
  t.diagnostic(`memory outside of the heap has grown by ${Math.round((await grown()) / 1e6)} MB`);
  assert.equal(proxy.process.exitCode ?? proxy.process.signalCode, null);
  assert.doesNotMatch(proxy.stderr(), /uncaught|unhandled/);
});

test('an HTTP/2 client that reads slowly gets its whole answer, after the time limit for clients that have gone', {
  skip: long ? false : 'takes 40 s',
}, async () => {
  const socket = await connect();
  socket.write(request(1, '/huge'));
  const slowUntil = performance.now() + 1.6 * patience;
  let bytes = 0;
  let part = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    part += chunk.length;
    if (part < 100_000 || performance.now() > slowUntil) return;
    part = 0;
    socket.pause();
    setTimeout(() => socket.resume(), 250);
  });
  await eventually('the whole answer', () => bytes > huge, 3 * patience);
  socket.destroy();
});
