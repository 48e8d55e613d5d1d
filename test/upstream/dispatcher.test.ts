import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDial } from '../../src/upstream/dial.js';
import { UpstreamDispatcher } from '../../src/upstream/dispatcher.js';
import { createSecureContext } from '../../src/upstream/tls.js';

let server: Server;
let connections: Set<net.Socket>;
let accepted: number;
let held: ServerResponse[];
const ends: (() => void)[] = [];
beforeEach(async () => {
  connections = new Set();
  accepted = 0;
  held = [];
  server = createServer((request, response) => {
    if (request.url === '/hold') {
      held.push(response);
      response.flushHeaders();
    } else response.end(String(request.socket.remotePort));
  });
  server.on('connection', socket => {
    accepted++;
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  await listen(server);
  ends.push(() => server.close().closeAllConnections());
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listen(listener: net.Server): Promise<number> {
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
  return (listener.address() as AddressInfo).port;
}

function create(
  protocol: 'http:' | 'https:' = 'http:',
  port = (server.address() as AddressInfo).port,
): UpstreamDispatcher {
  const address = { protocol, hostname: '127.0.0.1', port, path: '' };
  const secureContext = createSecureContext(undefined, {});
  const dial = createDial({ server: address, secureContext, insecureSkipTlsVerify: false, keepAlive: 0 });
  const dispatcher = new UpstreamDispatcher(address, dial);
  ends.push(() => dispatcher.destroy());
  return dispatcher;
}

type Connection = ReturnType<UpstreamDispatcher['acquire']>;

/** One whole exchange; gives the port that the server saw it come from. */
async function exchange({ client }: Connection): Promise<string> {
  const { body } = await client.request({ path: '/', method: 'GET' });
  return body.text();
}

/** An exchange that has its head and goes on until the server or this side ends it; gives its body's text. */
async function hold({ client }: Connection): Promise<{ readonly text: Promise<string> }> {
  const { body } = await client.request({ path: '/hold', method: 'GET' });
  const text = body.text();
  text.catch(() => {});
  return { text };
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${condition}`);
    await sleep(5);
  }
}

describe('a dispatcher', () => {
  it('makes a connection for each exchange while all are busy', async () => {
    const dispatcher = create();
    const busy = Array.from({ length: 200 }, () => dispatcher.acquire());
    assert.equal(new Set(busy).size, 200);
    await Promise.all(busy.map(hold));
    assert.equal(connections.size, 200);
    assert.equal(held.length, 200);
  });

  it('hands out the connection that was used last', () => {
    const dispatcher = create();
    const [one, two, three] = [dispatcher.acquire(), dispatcher.acquire(), dispatcher.acquire()];
    for (const connection of [two, one, three]) dispatcher.release(connection);
    assert.deepEqual(
      [dispatcher.acquire(), dispatcher.acquire(), dispatcher.acquire()].map(c =>
        [one, two, three].indexOf(c),
      ),
      [2, 0, 1],
    );
  });

  it('uses a released connection again, and says so', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const first = await exchange(connection);
    assert.equal(connection.reused, false);
    dispatcher.release(connection);
    assert.equal(dispatcher.acquire(), connection);
    assert.equal(connection.reused, true);
    assert.equal(await exchange(connection), first);
    assert.equal(accepted, 1);
  });

  it('makes a new connection for a second try, whatever is idle', async () => {
    const dispatcher = create();
    const idle = dispatcher.acquire();
    await exchange(idle);
    dispatcher.release(idle);
    const fresh = dispatcher.connect();
    assert.notEqual(fresh, idle);
    await exchange(fresh);
    assert.equal(accepted, 2);
    assert.equal(dispatcher.acquire(), idle);
  });

  it('ends a discarded connection, and its exchange with it', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const { text } = await hold(connection);
    dispatcher.discard(connection);
    await assert.rejects(text);
    await until(() => connections.size === 0);
    assert.notEqual(dispatcher.acquire(), connection);
  });

  it('drops an idle connection that the server closes', async () => {
    const dispatcher = create();
    const [one, two] = [dispatcher.acquire(), dispatcher.acquire()];
    await Promise.all([exchange(one), exchange(two)]);
    const busy = dispatcher.acquire();
    const { text } = await hold(busy);
    dispatcher.release(one);
    dispatcher.release(two);
    server.closeIdleConnections();
    await until(() => one.client.destroyed && two.client.destroyed);
    assert.ok(![one, two].includes(dispatcher.acquire()));
    held[0]?.end('whole');
    assert.equal(await text, 'whole', 'the one in use is left alone');
  });

  it('leaves a broken connection in use to its exchange', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const { text } = await hold(connection);
    for (const socket of connections) socket.resetAndDestroy();
    await assert.rejects(text);
    assert.equal(connection.broken, true);
    assert.equal(connection.client.destroyed, false, 'it is the exchange that gives it up');
    dispatcher.discard(connection);
    assert.equal(connection.client.destroyed, true);
  });

  it('calls a connection that comes again after its socket was closed not reused', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const first = await exchange(connection);
    // As when the answer to its last exchange said Connection: close.
    const disconnected = once(connection.client, 'disconnect');
    server.closeIdleConnections();
    await disconnected;
    dispatcher.release(connection);
    assert.equal(dispatcher.acquire(), connection);
    assert.notEqual(await exchange(connection), first);
    assert.equal(connection.reused, false);
  });

  it('keeps 128 idle connections and no more', () => {
    const dispatcher = create();
    const all = Array.from({ length: 130 }, () => dispatcher.acquire());
    for (const connection of all) dispatcher.release(connection);
    assert.deepEqual(
      all.flatMap(({ client }, index) => (client.destroyed ? [index] : [])),
      [128, 129],
    );
    const again = Array.from({ length: 128 }, () => dispatcher.acquire());
    assert.deepEqual(again.reverse(), all.slice(0, 128));
  });
});

describe('a dispatcher that is closed', () => {
  it('ends idle connections at once and those in use when they are released', async () => {
    const dispatcher = create();
    const [idle, busy] = [dispatcher.acquire(), dispatcher.acquire()];
    let empty = 0;
    dispatcher.whenEmpty(() => empty++);
    const { text } = await hold(busy);
    await exchange(idle);
    dispatcher.release(idle);
    dispatcher.close();
    await until(() => connections.size === 1);
    assert.equal(empty, 0);
    held[0]?.end('whole');
    assert.equal(await text, 'whole');
    dispatcher.release(busy);
    assert.equal(empty, 1);
    await until(() => connections.size === 0);
    assert.equal(busy.client.destroyed, true);
  });

  it('still serves who holds its session, and keeps nothing', async () => {
    const dispatcher = create();
    dispatcher.close();
    const connection = dispatcher.acquire();
    await exchange(connection);
    dispatcher.release(connection);
    await until(() => connections.size === 0);
    assert.equal(connection.client.destroyed, true);
  });

  it('is empty at once when it has no connection', () => {
    const dispatcher = create();
    let empty = 0;
    dispatcher.whenEmpty(() => empty++);
    dispatcher.close();
    assert.equal(empty, 1);
  });
});

describe('a dispatcher that is destroyed', () => {
  it('ends connections in use', async () => {
    const dispatcher = create();
    const idle = dispatcher.acquire();
    await exchange(idle);
    const { text } = await hold(dispatcher.acquire());
    dispatcher.release(idle);
    let empty = 0;
    dispatcher.whenEmpty(() => empty++);
    dispatcher.destroy();
    await assert.rejects(text);
    await until(() => connections.size === 0);
    assert.ok(empty > 0);
  });

  it('ends a connection whose TLS handshake hangs', async () => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer(socket => void sockets.push(socket.on('error', () => {})));
    const port = await listen(mute);
    ends.push(() => mute.close());
    const dispatcher = create('https:', port);
    const failed = assert.rejects(exchange(dispatcher.acquire()));
    await until(() => sockets.length === 1);
    dispatcher.destroy();
    await failed;
    sockets[0]?.resume();
    await until(() => sockets[0]?.closed === true || sockets[0]?.readableEnded === true);
    sockets[0]?.destroy();
  });

  it('ends a connection that is being dialled', async () => {
    const destroyed: boolean[] = [];
    const address = { protocol: 'http:', hostname: '127.0.0.1', port: 1, path: '' } as const;
    const dispatcher = new UpstreamDispatcher(address, callback => ({
      destroy: () => {
        destroyed.push(true);
        callback(new Error('given up'), null);
      },
    }));
    const failed = assert.rejects(exchange(dispatcher.acquire()));
    await sleep(5);
    dispatcher.destroy();
    await failed;
    assert.deepEqual(destroyed, [true]);
  });
});
