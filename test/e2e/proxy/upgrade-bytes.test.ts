import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { within } from '../../support/eventually.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import { startConnectProxy } from '../../support/upstreams/forward-proxy.js';

const size = 12 * 1024 * 1024;
const pattern = randomBytes(size);
const hash = createHash('sha256').update(pattern).digest('hex');

/** Writes the pattern in parts of all sizes, from those of a keystroke to those of a file. */
async function send(socket: Duplex): Promise<void> {
  const sizes = [1, 4, 4, 32 * 1024, 10, 16 * 1024, 200, 4096, 100_000, 7, 64 * 1024, 4095, 3];
  for (let sent = 0, index = 0; sent < size; index += 1) {
    const part = pattern.subarray(sent, sent + (sizes[index % sizes.length] as number));
    sent += part.length;
    if (!socket.write(part)) await once(socket, 'drain');
  }
  socket.end();
}

async function hashOf(socket: Duplex): Promise<string> {
  const sum = createHash('sha256');
  socket.on('data', chunk => sum.update(chunk));
  await once(socket, 'end');
  return sum.digest('hex');
}

const forwardProxy = await startConnectProxy();
after(() => forwardProxy.close());
const run = startInProcess;
const plain = await startStack({ after }, { run, flags: ['--reject-paths='] });
const { server } = plain;
const [secure, tunnelled] = await Promise.all([
  startStack({ after }, { run, server, tls: true }),
  startStack({ after }, { run, server, cluster: { 'proxy-url': `http://127.0.0.1:${forwardProxy.port}` } }),
]);

/** How a client connects to a program that passes an end of bytes on. */
const to = (port: number) => ({ port, host: '127.0.0.1', allowHalfOpen: true });

const connections = [
  { name: 'a plain connection', connect: () => net.connect(to(plain.port)) },
  { name: 'a forward proxy', connect: () => net.connect(to(tunnelled.port)) },
  {
    name: 'a connection with TLS',
    connect: () => tls.connect({ ...to(secure.port), ca: secure.ca, servername: 'localhost' }),
    options: encrypted,
  },
];

for (const { name, connect, options = {} } of connections) {
  test(`bytes arrive unchanged in both directions at once, through ${name}`, options, async t => {
    const path = `/bytes-${name.replaceAll(' ', '-')}`;
    let arrived: Promise<string> | undefined;
    const remove = server.interceptUpgrade((request, socket: Duplex) => {
      if (request.url !== path) return false;
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test/1\r\n\r\n');
      arrived = hashOf(socket);
      void send(socket);
      return true;
    });
    t.after(remove);
    const client = connect();
    t.after(() => client.destroy());
    client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: test/1\r\n\r\n`);
    let head = '';
    while (!head.endsWith('\r\n\r\n')) {
      const byte = client.read(1) as Buffer | null;
      if (byte === null) await within('the head', once(client, 'readable'));
      else head += byte.toString('latin1');
    }
    assert.match(head, /^HTTP\/1\.1 101 /);
    const [received] = await within('all bytes', Promise.all([hashOf(client), send(client)]));
    assert.equal(received, hash);
    assert.equal(await arrived, hash);
  });
}
