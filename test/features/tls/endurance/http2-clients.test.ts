import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import { adminPort } from '../../../support/proxy/admin-listener.js';
import { readSamples, sumOf } from '../../../support/proxy/own-metric.js';
import { openDescriptors, settled } from '../../../support/proxy/process-state.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { createRandom, type Random } from '../../../support/random.js';
import {
  connectionPreface,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
  settingsFrame,
  uint32,
} from '../../../support/upstreams/http2-frames.js';
import type { StrictRequest } from '../../../support/upstreams/strict-http.js';
import { ok, reset, startStrictStack } from '../../../support/upstreams/strict-upstream.js';

const long = process.env['ENDURANCE'] !== undefined;
const seconds = Number(process.env['SECONDS'] ?? (long ? 120 : 5));
const seed = Number(process.env['CHAOS_SEED'] ?? 7);
const clients = 20;

/** Watches that are open at the API server. */
let watches = 0;

const upstreamRandom = createRandom(seed);
const { upstream, proxy, ca } = await startStrictStack(
  { after },
  (request, socket) => misbehave(upstreamRandom, request, socket),
  // Long enough for a busy machine to free the resources of hundreds of clients that have left.
  {
    run: startProxyFor,
    when: 'head',
    tls: true,
    flags: ['--log-requests=none', '--shutdown-grace=10s', '--admin-port=0'],
  },
);
const admin = await adminPort(proxy);

/** Sizes of windows and of bodies, in bytes. If both are equal, a stream stops exactly at the end of its body. */
const sizes = [0, 1, 100, 5_000, 65_535, 400_000];
/** A body that is larger than the buffers on the way. */
const large = 3_000_000;

/** Answers of every size and framing, whole or not, before the request is complete or long after it. */
function misbehave(random: Random, { target }: StrictRequest, socket: Socket): void {
  const body = 'x'.repeat(random.pick([...sizes, large]));
  const chunks = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n';
  const whole = random.pick([
    ok(body),
    `${chunked}\r\n${chunks}0\r\n\r\n`,
    `${chunked}Trailer: X-Sum\r\n\r\n${chunks}0\r\nX-Sum: 1\r\n\r\n`,
    `${chunked}\r\n${chunks}0\r\nX-Sum: 1\r\n\r\n`,
  ]);
  const end = random.chance(0.5) ? () => reset(socket) : () => socket.destroySoon();
  if (target.includes('watch')) {
    socket.write(`${chunked}\r\n`);
    const timer = setInterval(() => socket.write('5\r\nevent\r\n'), 10 + random.below(20));
    watches += 1;
    socket.once('close', () => {
      watches -= 1;
      clearInterval(timer);
    });
    if (random.chance(0.7)) setTimeout(end, random.below(100));
    return;
  }
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length + 1}\r\n\r\n`;
  switch (random.below(8)) {
    case 0:
      socket.write(whole);
      break;
    case 1:
      setTimeout(() => socket.write(whole), random.below(50));
      break;
    case 2:
      socket.write(whole.slice(0, random.below(whole.length)), end);
      break;
    case 3:
      if (random.chance(0.3)) end();
      break;
    default:
      // Without its last byte, now or when its client has all that its windows allow.
      socket.write(head + body, random.chance(0.3) ? end : () => setTimeout(end, random.below(30)));
  }
}

/** The state of a client's connection. */
interface Misuse {
  readonly random: Random;
  readonly socket: tls.TLSSocket;
  /** Frames for the next packet. */
  readonly packet: Buffer[];
  /** Streams that are open at the client, and those of them that may send DATA. */
  readonly open: number[];
  readonly uploads: Set<number>;
  next: number;
}

function openStream({ random, packet, open, uploads, next }: Misuse): number {
  const method = random.pick(['GET', 'POST', 'POST', 'PUT', 'HEAD']);
  const path = random.pick([
    ...['/api/v1/pods', '/api/v1/pods', '/api/v1/pods', '/api/v1/pods?watch=1', '/-/clusters'],
  ]);
  const endsStream = method === 'GET' || random.chance(0.3);
  const flag = flags.endHeaders + (endsStream ? flags.endStream : 0);
  const fields: [string, string][] = [[':method', method], ...get(path).slice(1)];
  packet.push(frame(frameTypes.headers, flag, next, headerBlock(fields)));
  open.push(next);
  if (!endsStream) uploads.add(next);
  return next + 2;
}

/** Sends one random frame, or does something else that clients do between frames. */
function act(client: Misuse): void {
  const { random, socket, packet, open, uploads } = client;
  const stream = open.length > 0 ? random.pick(open) : 0;
  const choice = stream === 0 ? 0 : random.below(100);
  if (choice < 25) client.next = openStream(client);
  else if (choice < 50) {
    const upload = [...uploads].at(-1) ?? 0;
    // On a stream that has ended, this is a connection error.
    if (upload === 0 && random.chance(0.99)) return;
    const ends = random.chance(0.4);
    const data = Buffer.alloc(random.pick([0, 1, 1_000, 16_000]), 'y');
    packet.push(frame(frameTypes.data, ends ? flags.endStream : 0, upload || stream, data));
    if (ends) uploads.delete(upload);
  } else if (choice < 60) {
    packet.push(frame(frameTypes.rstStream, 0, stream, uint32(random.pick([0, 2, 5, 8]))));
    open.splice(open.indexOf(stream), 1);
    uploads.delete(stream);
  } else if (choice < 85) {
    const size = random.pick([1, 1, 99, 100, 4_900, 60_535]);
    packet.push(frame(frameTypes.windowUpdate, 0, random.chance(0.7) ? stream : 0, uint32(size)));
  } else if (choice < 90) socket.pause();
  else if (choice < 96) socket.resume();
  else if (choice < 98) packet.push(settingsFrame([4, random.pick(sizes)]));
  else if (choice < 99) packet.push(frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
  else if (random.chance(0.1)) packet.push(frame(frameTypes.goaway, 0, 0, Buffer.alloc(8)));
}

/** A client that opens streams, reads little, and leaves in the middle. Returns false if it could not connect. */
async function misuse(random: Random): Promise<boolean> {
  const { port } = proxy;
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  socket.on('error', () => {}).resume();
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {});
  if (socket.destroyed) return false;
  const packet = [Buffer.from(connectionPreface), settingsFrame([4, random.pick(sizes)])];
  if (random.chance(0.5)) packet.push(frame(frameTypes.windowUpdate, 0, 0, uint32(1 << 20)));
  const client: Misuse = { random, socket, packet, open: [], uploads: new Set(), next: 1 };
  const turns = random.below(600);
  for (let turn = 0; turn < turns && !socket.destroyed; turn += 1) {
    act(client);
    if (random.chance(0.4)) socket.write(Buffer.concat(packet.splice(0)));
    if (random.chance(0.2)) await delay(random.below(4));
  }
  socket.write(Buffer.concat(packet));
  if (random.chance(0.3)) await delay(random.below(50));
  const way = random.below(3);
  if (way === 0) socket.end();
  else if (way === 1) await delay(random.below(200));
  // If the client has unread bytes, this is a reset.
  socket.destroy();
  return true;
}

/** Clients misuse the program until `isOver`. Returns how many connections there were. */
async function misuseUntil(isOver: () => boolean): Promise<number> {
  let connections = 0;
  const client = async (number: number) => {
    const random = createRandom(seed * 1000 + number);
    while (!isOver()) {
      if (await misuse(random)) connections += 1;
      // During the shutdown no connection can be opened.
      else await delay(50);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return connections;
}

async function metric(name: string): Promise<number> {
  return sumOf(readSamples((await send(admin, '/metrics')).text), name);
}

test(`random behaviour of HTTP/2 clients and an API server leaves nothing behind, and the program exits in the middle of it (seed ${seed})`, {
  timeout: (seconds + 300) * 1000,
}, async t => {
  const isRunning = () => proxy.process.exitCode === null && proxy.process.signalCode === null;
  const during = (time: number) => {
    const began = performance.now();
    return () => !isRunning() || performance.now() - began > time;
  };
  await misuseUntil(during(500));
  const descriptors = openDescriptors(proxy.pid) - upstream.sockets.size;
  const memory = await metric('nodejs_external_memory_bytes');
  t.diagnostic(
    `${await misuseUntil(during(seconds * 1000))} connections, ${upstream.requests.length} requests`,
  );
  assert.ok(isRunning(), proxy.stderr().slice(-4000));

  // The program detects within 25 s that a client has gone.
  for (const name of ['kube_api_proxy_inflight_requests', 'kube_api_proxy_longrunning_requests'])
    await eventually(`${name} of 0`, async () => (await metric(name)) === 0, 75_000);
  await eventually('no watch at the API server', () => watches === 0);
  const left = await settled(() => openDescriptors(proxy.pid) - upstream.sockets.size - descriptors, 2);
  assert.ok(left <= 2, `${left} descriptors too many are open`);
  // Answers that wait are in these buffers. Each client that is kept would have 0.3 MB.
  const grown = async () => (await metric('nodejs_external_memory_bytes')) - memory;
  await eventually('memory for no client', async () => (await grown()) < 30e6);
  t.diagnostic(`memory outside of the heap has grown by ${Math.round((await grown()) / 1e6)} MB`);

  const again = misuseUntil(() => !isRunning());
  await delay(1_000);
  const { code, signal } = await proxy.stop();
  await again;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, proxy.stderr().slice(-4000));
  assert.doesNotMatch(proxy.stderr(), /uncaught|unhandled/);
});
