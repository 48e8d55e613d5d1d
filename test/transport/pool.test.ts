import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createDial } from '../../src/transport/dial/dial.js';
import { createSecureContext } from '../../src/transport/dial/tls.js';
import { UpstreamDispatcher } from '../../src/transport/pool.js';
import { until } from '../support/eventually.js';
import { type RecordedExchange, sendOn } from '../support/recorded-exchange.js';

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
  const dispatcher = new UpstreamDispatcher(dial);
  ends.push(() => dispatcher.destroy());
  return dispatcher;
}

type Connection = ReturnType<UpstreamDispatcher['acquire']>;

/** One whole exchange, after which the connection gives itself back; gives the port that the server saw it come from. */
async function exchange(connection: Connection): Promise<string> {
  const { text, error } = await sendOn(connection).over;
  if (error !== undefined) throw error;
  // It is given back at the end of this turn of the event loop.
  await turn();
  return text;
}

/** An exchange that has its head and goes on until the server or this side ends it. */
function hold(connection: Connection): Promise<RecordedExchange> {
  return sendOn(connection, '/hold').begun;
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

  it('uses a connection again that gave itself back, and says so', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const first = await exchange(connection);
    assert.equal(dispatcher.acquire(), connection);
    assert.equal(connection.reused, true);
    assert.equal(await exchange(connection), first);
    assert.equal(accepted, 1);
    assert.equal(dispatcher.connect().reused, false);
  });

  it('makes a new connection for a second try, whatever is idle', async () => {
    const dispatcher = create();
    const idle = dispatcher.acquire();
    await exchange(idle);
    const fresh = dispatcher.connect();
    assert.notEqual(fresh, idle);
    await exchange(fresh);
    assert.equal(accepted, 2);
    assert.equal(dispatcher.acquire(), fresh);
    assert.equal(dispatcher.acquire(), idle);
  });

  it('counts those that are idle and those that are in use', async () => {
    const dispatcher = create();
    const [one, two] = [dispatcher.acquire(), dispatcher.acquire()];
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 2 });
    await exchange(one);
    assert.deepEqual(dispatcher.counts, { idle: 1, active: 1 });
    dispatcher.discard(two);
    assert.deepEqual(dispatcher.counts, { idle: 1, active: 0 });
    dispatcher.discard(one);
    dispatcher.discard(one);
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 0 });
  });

  it('ends a discarded connection, and its exchange with it', async () => {
    const dispatcher = create();
    const connection = dispatcher.acquire();
    const open = await hold(connection);
    dispatcher.discard(connection);
    assert.equal(open.error?.code, 'ECONNRESET');
    await until(() => connections.size === 0);
    assert.notEqual(dispatcher.acquire(), connection);
  });

  it('drops an idle connection that the server closes', async () => {
    const dispatcher = create();
    const all = [dispatcher.acquire(), dispatcher.acquire()];
    const busy = dispatcher.acquire();
    const open = await hold(busy);
    await Promise.all(all.map(exchange));
    server.closeIdleConnections();
    await until(() => dispatcher.counts.idle === 0);
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 1 });
    assert.ok(!all.includes(dispatcher.acquire()));
    held[0]?.end('whole');
    assert.equal((await open.over).text, 'whole', 'the one in use is left alone');
  });

  it('drops a connection in use that breaks, and its exchange hears of it', async () => {
    const dispatcher = create();
    const open = await hold(dispatcher.acquire());
    for (const socket of connections) socket.resetAndDestroy();
    assert.equal((await open.over).error?.code, 'ECONNRESET');
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 0 });
  });

  it('keeps 128 idle connections and no more', () => {
    const dispatcher = create();
    const all = Array.from({ length: 130 }, () => dispatcher.acquire());
    for (const connection of all) dispatcher.release(connection);
    assert.deepEqual(dispatcher.counts, { idle: 128, active: 0 });
    const again = Array.from({ length: 128 }, () => dispatcher.acquire());
    assert.deepEqual(again.reverse(), all.slice(0, 128));
  });
});

describe('a dispatcher that is closed', () => {
  it('ends idle connections at once and those in use when their exchange is over', async () => {
    const dispatcher = create();
    const [idle, busy] = [dispatcher.acquire(), dispatcher.acquire()];
    let empty = 0;
    dispatcher.whenEmpty(() => empty++);
    const open = await hold(busy);
    await exchange(idle);
    dispatcher.close();
    await until(() => connections.size === 1);
    assert.equal(empty, 0);
    held[0]?.end('whole');
    assert.equal((await open.over).text, 'whole');
    await until(() => connections.size === 0);
    assert.equal(empty, 1);
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 0 });
  });

  it('still serves who holds its session, and keeps nothing', async () => {
    const dispatcher = create();
    dispatcher.close();
    assert.notEqual(await exchange(dispatcher.acquire()), '');
    await until(() => connections.size === 0);
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 0 });
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
    const open = await hold(dispatcher.acquire());
    await exchange(idle);
    let empty = 0;
    dispatcher.whenEmpty(() => empty++);
    dispatcher.destroy();
    assert.equal(open.error?.code, 'ECONNRESET');
    await until(() => connections.size === 0);
    assert.ok(empty > 0);
  });

  it('ends a connection that is made for the exchange of one that it ends', async () => {
    const dispatcher = create();
    const open = await hold(dispatcher.acquire());
    let again: RecordedExchange | undefined;
    open.onEvent = event => {
      if (event === 'error') again = sendOn(dispatcher.connect());
    };
    dispatcher.destroy();
    assert.equal(again?.error?.code, 'ECONNRESET');
    assert.deepEqual(dispatcher.counts, { idle: 0, active: 0 });
  });

  it('ends a connection whose TLS handshake hangs', async () => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer(socket => void sockets.push(socket.on('error', () => {})));
    const port = await listen(mute);
    ends.push(() => mute.close());
    const dispatcher = create('https:', port);
    const hanging = sendOn(dispatcher.acquire());
    await until(() => sockets.length === 1);
    dispatcher.destroy();
    assert.equal(hanging.error?.code, 'ECONNRESET');
    sockets[0]?.resume();
    await until(() => sockets[0]?.closed === true || sockets[0]?.readableEnded === true);
    sockets[0]?.destroy();
  });

  it('ends a connection that is being dialled', () => {
    const destroyed: boolean[] = [];
    const dispatcher = new UpstreamDispatcher(callback => ({
      destroy: () => {
        destroyed.push(true);
        callback(new Error('given up'), null);
      },
    }));
    const dialling = sendOn(dispatcher.acquire());
    dispatcher.destroy();
    assert.equal(dialling.error?.code, 'ECONNRESET');
    assert.deepEqual(destroyed, [true]);
  });
});
