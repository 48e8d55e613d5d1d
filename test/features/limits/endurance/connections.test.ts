import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { openDescriptors, residentBytes, settled } from '../../../support/proxy/process-state.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { ok, startStrictStack } from '../../../support/upstreams/strict-upstream.js';

const count = 2000;

/** Answers that are delayed, so that all requests are in flight at once. */
const held: (() => void)[] = [];

const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => {
    const answer = () => socket.write(ok(request.target));
    if (request.target.startsWith('/held')) held.push(answer);
    else answer();
  },
  { run: startProxyFor, flags: ['--log-requests=none', '--max-requests-inflight=0'] },
);

interface Client {
  readonly socket: net.Socket;
  received: string;
}

async function connect(): Promise<Client> {
  const client = { socket: net.connect({ host: '127.0.0.1', port: proxy.port }), received: '' };
  client.socket.on('data', bytes => {
    client.received += bytes.toString('latin1');
  });
  client.socket.on('error', () => {});
  await once(client.socket, 'connect');
  return client;
}

/** Sends a request on every connection, and waits until each has exactly its own answer. */
async function askAll(clients: readonly Client[], target: (index: number) => string): Promise<void> {
  for (const [index, client] of clients.entries()) {
    client.received = '';
    client.socket.write(`GET ${target(index)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  }
  const missing = () =>
    clients.filter(({ received }, index) => !received.endsWith(`\r\n\r\n${target(index)}`)).length;
  assert.equal(await settled(missing, 0), 0, 'connections without their answer');
  for (const { received } of clients) assert.equal(received.split('HTTP/1.1 200 OK').length, 2);
}

test(`${count} connections at once are all answered, again and again, with little memory and CPU`, {
  timeout: 300_000,
}, async t => {
  const memory = residentBytes(proxy.pid);
  const descriptors = openDescriptors(proxy.pid);
  const clients: Client[] = [];
  for (let opened = 0; opened < count; opened += 100) {
    clients.push(...(await Promise.all(Array.from({ length: 100 }, connect))));
  }
  // The connections are idle first, without a request so far.
  const perIdle = (residentBytes(proxy.pid) - memory) / count;
  await askAll(clients, index => `/first/${index}`);
  const kept = (residentBytes(proxy.pid) - memory) / count;

  // Every second connection has a delayed request in flight, and the others are answered meanwhile.
  const half = clients.filter((_client, index) => index % 2 === 0);
  const others = clients.filter((_client, index) => index % 2 === 1);
  const holding = askAll(half, index => `/held/${index}`);
  assert.equal(await settled(() => half.length - held.length, 0), 0, 'requests that do not arrive');
  const active = (residentBytes(proxy.pid) - memory) / count;
  await askAll(others, index => `/meanwhile/${index}`);
  for (const answer of held) answer();
  await holding;
  await askAll(clients, index => `/last/${index}`);
  const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} KB`;
  t.diagnostic(
    `resident memory a connection: ${kilobytes(perIdle)} unused, ${kilobytes(kept)} after a request, ${kilobytes(active)} with half of them under way`,
  );
  assert.ok(perIdle < 40_000 && kept < 100_000 && active < 150_000);

  assert.equal(clients.filter(({ socket }) => socket.destroyed).length, 0);
  for (const { socket } of clients) socket.destroy();
  // Up to 128 upstream connections wait for the next request.
  const left = await settled(() => openDescriptors(proxy.pid) - descriptors - upstream.sockets.size, 0);
  assert.ok(left <= 2, `${left} descriptors too many are open`);
  assert.ok(upstream.sockets.size <= 130, `${upstream.sockets.size} upstream connections are kept`);
});
