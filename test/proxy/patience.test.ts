import assert from 'node:assert/strict';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRaw, type RawConnection } from '../support/clients/raw-http.js';
import { listenFor } from '../support/ports.js';
import { startProxyApp } from './proxy-app.js';

/** Much longer than the delay of a turn of the event loop on a busy machine. */
const patience = 3000;
const step = patience / 10;
const megabytes = 20_000_000;

const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';

/** What the API server does after the head of a request, by the first segment of the path. */
const answers: Readonly<Record<string, (socket: net.Socket) => void | Promise<void>>> = {
  unread: socket => void socket.pause(),
  large: socket => void socket.write(`${head}Content-Length: ${megabytes}\r\n\r\n${'x'.repeat(megabytes)}`),
  slow: async socket => {
    socket.write(`${head}Content-Length: 15\r\n\r\n`);
    for (let byte = 0; byte < 15; byte += 1) {
      await delay(step);
      socket.write('x');
    }
  },
  // It takes longer than the patience, but reads more between two pauses than the kernel's buffers hold.
  upload: socket => {
    let [total, burst] = [0, 0];
    socket.on('data', chunk => {
      total += chunk.length;
      burst += chunk.length;
      if (total > megabytes * 0.95) {
        // To answer a second time would destroy the socket, and the reset can come before the first answer is read.
        if (!socket.writableEnded) socket.end(`${head}Content-Length: 5\r\n\r\nwhole`);
      } else if (burst > megabytes / 5) {
        burst = 0;
        socket.pause();
        setTimeout(() => socket.resume(), patience / 3);
      }
    });
  },
};

/** Open connections as the API server sees them, by the target of their request. */
const connections = new Map<string, net.Socket>();
const asked: RawConnection[] = [];

const upstream = net.createServer(socket => {
  socket.on('error', () => {}).resume();
  socket.once('data', chunk => {
    const [, target = '', segment = ''] = /^\w+ (\/([\w-]+)\S*)/.exec(chunk.toString('latin1')) ?? [];
    connections.set(target, socket);
    socket.once('close', () => connections.delete(target));
    void answers[segment]?.(socket);
  });
});
const app = await startProxyApp({ upstreamPort: await listenFor({ after }, upstream), patience });

after(async () => {
  for (const client of asked) client.destroy();
  await app.close();
});

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const post = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 * megabytes}\r\n\r\n`;
const upgrade = (target: string) =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;

/** Sends this head, and so many bytes behind it. */
const sends =
  (headOf: (target: string) => string, bytes: number) => (client: RawConnection, target: string) => {
    client.write(headOf(target));
    client.write(Buffer.alloc(bytes));
  };

/** What clients do, by their description. Each gets its own target. */
const clients: readonly [string, string, (client: RawConnection, target: string) => void][] = [
  ['uploads megabytes that the API server does not read', 'unread', sends(post, megabytes)],
  ['sends 300,000 bytes behind an upgrade that is not answered', 'silent', sends(upgrade, 300_000)],
  ['has asked for an upgrade that is not answered', 'silent', sends(upgrade, 0)],
  ['has sent a request that is not answered', 'silent', sends(get, 0)],
  [
    ...(['does not read a large answer', 'large'] as const),
    (client, target) => {
      client.socket.pause();
      client.write(get(target));
    },
  ],
];

const leave: readonly [how: string, (socket: net.Socket) => void][] = [
  ['closes its side', socket => socket.end()],
  ['closes both sides', socket => socket.destroy()],
  ['resets its connection', socket => socket.resetAndDestroy()],
];

/** Connects and sends a request; resolves with the client once the request has reached the API server. */
async function ask(
  target: string,
  act: (client: RawConnection, target: string) => void,
): Promise<RawConnection> {
  const client = await connectRaw(app.port);
  client.socket.on('error', () => {});
  asked.push(client);
  act(client, target);
  while (!connections.has(target)) await delay(5);
  return client;
}

/** Waits until the proxy reads no more bytes of a client. */
async function untilHeldBack({ socket }: RawConnection): Promise<void> {
  for (let before = -1; socket.writableLength !== before; await delay(20)) before = socket.writableLength;
}

async function untilOver(target: string): Promise<void> {
  while (app.open.has(target)) await delay(5);
  // The API server cannot see an end after bytes that it does not read.
  while (connections.has(target) && connections.get(target)?.isPaused() === false) await delay(5);
}

describe('the slot of a request and its upstream connection become free in time if the client', {
  concurrency: true,
}, () => {
  for (const [what, segment, act] of clients) {
    for (const [how, go] of leave) {
      test(`${what} and ${how}`, async () => {
        const target = `/${segment}?${what}-${how}`.replaceAll(/[ ,]/g, '-');
        const client = await ask(target, act);
        await untilHeldBack(client);
        go(client.socket);
        await untilOver(target);
        client.destroy();
      });
    }
  }
});

describe('a client', { concurrency: true }, () => {
  test('ends its watch immediately by closing its side, and not after the time for a plain request', async () => {
    const ended: string[] = [];
    const targets = ['/silent', '/api/v1/pods?watch=1'];
    const clients = await Promise.all(
      targets.map(target => ask(target, socket => socket.write(get(target)))),
    );
    for (const target of targets) connections.get(target)?.once('close', () => ended.push(target));
    for (const { socket } of clients) socket.end();
    await Promise.all(targets.map(untilOver));
    assert.deepEqual(ended, targets.reverse());
  });

  test('that has closed its side gets a slow answer as long as bytes come', async () => {
    const client = await ask('/slow', (socket, target) => socket.write(get(target)));
    client.socket.end();
    assert.match(await client.untilClosed(), /\r\n\r\nx{15}$/);
    await untilOver('/slow');
  });

  test('continues an upload that the API server reads slowly', async () => {
    const client = await ask('/upload', sends(post, megabytes));
    await client.until(/whole$/);
    client.destroy();
  });

  for (const [what, segment, act] of clients.slice(0, 2)) {
    test(`that ${what} gets a 504`, async () => {
      const client = await ask(`/${segment}?stays`, act);
      await client.until(/^HTTP\/1\.1 504 [\s\S]*"kind":"Status"/);
      client.destroy();
    });
  }
});
