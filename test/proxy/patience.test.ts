import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ProxyApp, startProxyApp } from '../support/proxy-app.js';
import { connectRaw, type RawConnection } from '../support/raw-http.js';

/** Much longer than a busy machine keeps a turn of the event loop waiting. */
const patience = 1000;
const step = patience / 10;
const megabytes = 20_000_000;

const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';

/** What the API server does, by the first segment of the path, once a head has come. */
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
  // It takes longer than the patience, but lets more than the kernel's buffers hold pass between two pauses.
  upload: socket => {
    let [total, burst] = [0, 0];
    socket.on('data', chunk => {
      total += chunk.length;
      burst += chunk.length;
      if (total > megabytes * 0.95) socket.end(`${head}Content-Length: 5\r\n\r\nwhole`);
      else if (burst > megabytes / 5) {
        burst = 0;
        socket.pause();
        setTimeout(() => socket.resume(), patience / 3);
      }
    });
  },
};

let upstream: net.Server;
let app: ProxyApp;
/** Connections to the API server that it does not know to have ended, by the target of their request. */
const connections = new Map<string, net.Socket>();
const asked: RawConnection[] = [];

before(async () => {
  upstream = net.createServer(socket => {
    socket.on('error', () => {}).resume();
    socket.once('data', chunk => {
      const [, target = '', segment = ''] = /^\w+ (\/([\w-]+)\S*)/.exec(chunk.toString('latin1')) ?? [];
      connections.set(target, socket);
      socket.once('close', () => connections.delete(target));
      void answers[segment]?.(socket);
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  app = await startProxyApp({ upstreamPort: (upstream.address() as AddressInfo).port, patience });
});

after(async () => {
  for (const client of asked) client.destroy();
  for (const socket of connections.values()) socket.destroy();
  upstream?.close();
  await app?.close();
});

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const post = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 * megabytes}\r\n\r\n`;
const upgrade = (target: string) =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;

/** What a client sends, by what is said of it; its target is free for it alone. */
const clients: readonly [
  what: string,
  segment: string,
  act: (client: RawConnection, target: string) => void,
][] = [
  [
    'uploads megabytes that the API server does not read',
    'unread',
    (client, target) => {
      client.write(post(target));
      client.write(Buffer.alloc(megabytes));
    },
  ],
  [
    'sends 300,000 bytes behind an upgrade that is not answered',
    'silent',
    (client, target) => {
      client.write(upgrade(target));
      client.write(Buffer.alloc(300_000));
    },
  ],
  [
    'has asked for an upgrade that is not answered',
    'silent',
    (client, target) => client.write(upgrade(target)),
  ],
  ['has sent a request that is not answered', 'silent', (client, target) => client.write(get(target))],
  [
    'does not read a large answer',
    'large',
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

/** Connects and asks; gives the client once its request has reached the API server. */
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

/** Waits until nothing more of what a client sends is taken. */
async function untilHeldBack({ socket }: RawConnection): Promise<void> {
  for (let before = -1; socket.writableLength !== before; await delay(20)) before = socket.writableLength;
}

async function untilOver(target: string): Promise<void> {
  while (app.open.has(target)) await delay(5);
  // It cannot know of an end behind what it does not read.
  while (connections.has(target) && connections.get(target)?.isPaused() === false) await delay(5);
}

describe('the place of a request and its connection to the API server are free in time when the client', {
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
  test('ends its watch at once when it closes its side', async () => {
    const target = '/api/v1/pods?watch=1';
    const client = await ask(target, socket => socket.write(get(target)));
    const left = performance.now();
    client.socket.end();
    await untilOver(target);
    assert.ok(performance.now() - left < patience / 2);
    client.destroy();
  });

  test('that has closed its side gets an answer that takes longer, as long as bytes come', async () => {
    const client = await ask('/slow', (socket, target) => socket.write(get(target)));
    client.socket.end();
    assert.match(await client.untilClosed(), /\r\n\r\nx{15}$/);
    await untilOver('/slow');
  });

  test('goes on with an upload that the API server takes slowly', async () => {
    const client = await ask('/upload', (socket, target) => {
      socket.write(post(target));
      socket.write(Buffer.alloc(megabytes));
    });
    await client.until(/whole$/);
    client.destroy();
  });

  for (const [what, segment, act] of clients.slice(0, 2)) {
    test(`that ${what} hears of it with a 504`, async () => {
      const client = await ask(`/${segment}?stays`, act);
      await client.until(/^HTTP\/1\.1 504 [\s\S]*"kind":"Status"/);
      client.destroy();
    });
  }
});
