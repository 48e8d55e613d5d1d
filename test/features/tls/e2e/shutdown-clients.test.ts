import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { within } from '../../../support/eventually.js';
import { type ProxyProcess, startProxyFor } from '../../../support/proxy/proxy.js';
import { type Stack, startStack, type TlsStack } from '../../../support/proxy/stack.js';
import {
  connectFrames,
  frame,
  frameTypes,
  get,
  settingsFrame,
  uint32,
} from '../../../support/upstreams/http2-frames.js';

const endless = '/api/v1/pods?watch=1';

/** Makes watches send more than any buffer holds, so that a watch that is not read stops. */
function neverEnd({ server }: TlsStack): void {
  server.intercept((request, response) => {
    if (request.url !== endless) return false;
    const block = Buffer.alloc(1 << 20, 'x');
    const fill = () => {
      while (!response.destroyed && response.write(block));
      response.once('drain', fill);
    };
    fill();
    return true;
  });
}

async function connectPlain(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function connectTls({ port, ca }: TlsStack, protocol: string): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ALPNProtocols: [protocol] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** Opens a connection and leaves something unfinished on it. */
type Client = (stack: TlsStack) => Promise<net.Socket>;

/** Clients that wait for nothing. */
const idle: Readonly<Record<string, Client>> = {
  'has sent nothing': ({ port }) => connectPlain(port),
  'has shaken hands for HTTP/1.1': stack => connectTls(stack, 'http/1.1'),
  'has shaken hands for HTTP/2 and sent no preface': stack => connectTls(stack, 'h2'),
  'has sent a preface and no request': async ({ port, ca }) => (await connectFrames(port, ca)).socket,
};

/** Clients that may continue to send or to read. */
const stuck: Readonly<Record<string, Client>> = {
  'has sent the first bytes of a handshake': async ({ port }) => {
    const socket = await connectPlain(port);
    // The head of a TLS record that announces more bytes than will come.
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    return socket;
  },
  'has sent half of a head': async stack => {
    const socket = await connectTls(stack, 'http/1.1');
    socket.write('GET /version HTTP/1.1\r\nHost: loc');
    return socket;
  },
  'has sent half of a body': async stack => {
    const socket = await connectTls(stack, 'http/1.1');
    socket.write('POST /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nx');
    return socket;
  },
  'does not read its watch over HTTP/1.1': async stack => {
    const socket = await connectTls(stack, 'http/1.1');
    socket.write(`GET ${endless} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    return socket.pause();
  },
  'does not read its watch over HTTP/2': async ({ port, ca }) => {
    const connection = await connectFrames(port, ca);
    const most = 2 ** 31 - 1;
    connection.send(settingsFrame([4, most]), frame(frameTypes.windowUpdate, 0, 0, uint32(most - 65_535)));
    connection.head(1, get(endless));
    await connection.until('the head', ({ type }) => type === frameTypes.headers);
    return connection.socket.removeAllListeners('data').pause();
  },
  'has no window for its watch over HTTP/2': async ({ port, ca }) => {
    const connection = await connectFrames(port, ca);
    connection.send(settingsFrame([4, 0]));
    connection.head(1, get(endless));
    await connection.until('the head', ({ type }) => type === frameTypes.headers);
    return connection.socket;
  },
};

/** Opens connections of each kind, and waits until the program has read what they sent. */
async function openAll(t: TestContext, stack: TlsStack, clients: readonly Client[]): Promise<void> {
  const sockets = await Promise.all(clients.map(begin => begin(stack)));
  sockets.push(await connectTls(stack, 'http/1.1'));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
}

/** Sends SIGTERM and asserts that the program exits by itself. It would exit with 1 if its grace period ended first. */
async function assertLeaves({ proxy }: Stack<ProxyProcess>): Promise<void> {
  const { code, signal } = await proxy.stop('SIGTERM');
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.doesNotMatch(proxy.stderr(), /uncaught|unhandled/);
}

describe('SIGTERM', { concurrency: 4 }, () => {
  test('ends the program at once even if clients hold connections without a request', async t => {
    // The program would cut the connections much later than this test waits.
    const stack = await startStack(t, { run: startProxyFor, tls: true, flags: ['--shutdown-grace=5m'] });
    await openAll(t, stack, Object.values(idle));
    await within('its end', assertLeaves(stack));
  });

  const flags = ['--shutdown-grace=5s'];

  test('ends the program within its grace period while clients do all of this', async t => {
    const stack = await startStack(t, { run: startProxyFor, tls: true, flags });
    neverEnd(stack);
    const clients = [...Object.values(idle), ...Object.values(stuck)];
    await openAll(t, stack, [...clients, ...clients]);
    await assertLeaves(stack);
  });
});
