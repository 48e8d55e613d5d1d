import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import { createDial, lazySecureContext } from '../../src/transport/dial/dial.js';
import { until } from '../support/eventually.js';
import { listenFor } from '../support/ports.js';
import { type RecordedResponse, sendOn } from '../support/transport/recorded-response.js';

let server: Server;
let port: number;
let connections: Set<net.Socket>;
let accepted: number;
let held: ServerResponse[];
const ends: (() => unknown)[] = [];
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
  port = await listenFor({ after: end => ends.push(end) }, server);
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function dialTo(protocol: 'http:' | 'https:' = 'http:', serverPort = port) {
  const address = { protocol, hostname: '127.0.0.1', port: serverPort, path: '' };
  const secureContext = lazySecureContext(undefined, {});
  return createDial({ server: address, secureContext, insecureSkipTlsVerify: false, keepAlive: 0 });
}

function create(protocol?: 'http:' | 'https:', serverPort?: number): ConnectionPool {
  const pool = new ConnectionPool(dialTo(protocol, serverPort));
  ends.push(() => pool.destroy());
  return pool;
}

type Connection = ReturnType<ConnectionPool['acquire']>;

/** Runs one whole exchange, after which the connection is released. Returns the client's port that the server saw. */
async function exchange(connection: Connection): Promise<string> {
  const { text, failure } = await sendOn(connection).over;
  if (failure !== undefined) throw failure;
  // It is released at the end of this turn of the event loop.
  await turn();
  return text;
}

/** An exchange that has received its head and stays open until the server or the client ends it. */
function hold(connection: Connection): Promise<RecordedResponse> {
  return sendOn(connection, '/hold').begun;
}

describe('a pool', () => {
  it('returns the connection that was used last', () => {
    const pool = create();
    const [one, two, three] = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const connection of [two, one, three]) pool.release(connection);
    assert.deepEqual(
      [pool.acquire(), pool.acquire(), pool.acquire()].map(c => [one, two, three].indexOf(c)),
      [2, 0, 1],
    );
  });

  it('uses a released connection again, but opens a new one for a second attempt', async () => {
    const pool = create();
    const idle = pool.acquire();
    const first = await exchange(idle);
    assert.equal(pool.lease('any'), idle);
    assert.equal(idle.reused, true);
    assert.equal(await exchange(idle), first);
    assert.equal(accepted, 1);
    const fresh = pool.lease('new') as Connection;
    assert.notEqual(fresh, idle);
    assert.equal(fresh.reused, false);
    await exchange(fresh);
    assert.equal(accepted, 2);
    assert.equal(pool.acquire(), fresh);
    assert.equal(pool.acquire(), idle);
  });

  it('counts idle connections and connections in use', async () => {
    const pool = create();
    const [one, two] = [pool.acquire(), pool.acquire()];
    assert.deepEqual(pool.counts, { idle: 0, active: 2 });
    await exchange(one);
    assert.deepEqual(pool.counts, { idle: 1, active: 1 });
    two.destroy();
    assert.deepEqual(pool.counts, { idle: 1, active: 0 });
    one.destroy();
    one.destroy();
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  it('counts connections that requests share too', async () => {
    const opening = () => ({ destroy() {} });
    const pool = new ConnectionPool(opening, opening);
    const leases = [pool.lease('shared'), pool.lease('shared')];
    for (const lease of leases) void Promise.resolve(lease).catch(() => {});
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    const idle = pool.acquire();
    assert.deepEqual(pool.counts, { idle: 0, active: 2 });
    pool.release(idle);
    assert.deepEqual(pool.counts, { idle: 1, active: 1 });
    pool.destroy();
  });

  it('keeps at most 128 idle connections', () => {
    const pool = create();
    const all = Array.from({ length: 130 }, () => pool.acquire());
    for (const connection of all) pool.release(connection);
    assert.deepEqual(pool.counts, { idle: 128, active: 0 });
    const again = Array.from({ length: 128 }, () => pool.acquire());
    assert.deepEqual(again.reverse(), all.slice(0, 128));
  });
});

describe('a pool that is closed', () => {
  it('closes idle connections immediately and those in use after their exchange', async () => {
    const pool = create();
    const [idle, busy] = [pool.acquire(), pool.acquire()];
    let empty = 0;
    pool.whenEmpty(() => empty++);
    const open = await hold(busy);
    await exchange(idle);
    pool.close();
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    await until(() => connections.size === 1);
    assert.equal(empty, 0);
    held[0]?.end('whole');
    assert.equal((await open.over).text, 'whole');
    await until(() => connections.size === 0);
    assert.equal(empty, 1);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  it('is empty immediately if it has no connection, and serves requests of its session without keeping one', async () => {
    const pool = create();
    let empty = 0;
    pool.whenEmpty(() => empty++);
    pool.close();
    assert.equal(empty, 1);
    assert.notEqual(await exchange(pool.acquire()), '');
    await until(() => connections.size === 0);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });
});

it('a pool gives up what waits for a connection of either protocol, and nothing that has one', async () => {
  const replaced = new Error('replaced');
  let isStuck = false;
  const dial = dialTo();
  const stuck: typeof dial = (callback, onRead) => (isStuck ? { destroy() {} } : dial(callback, onRead));
  const pool = new ConnectionPool(stuck, () => ({ destroy() {} }));
  ends.push(() => pool.destroy());
  const open = await hold(pool.acquire());
  isStuck = true;
  const waiting = sendOn(pool.acquire());
  const stream = pool.lease('shared');
  pool.giveUp(replaced);
  assert.equal(waiting.failure, replaced);
  await assert.rejects(async () => stream, replaced);
  assert.deepEqual([open.failure, pool.counts], [undefined, { idle: 0, active: 1 }]);
});

describe('a pool that is destroyed', () => {
  it('closes all connections, one that an ending exchange opens too', async () => {
    const pool = create();
    const idle = pool.acquire();
    const open = await hold(pool.acquire());
    await exchange(idle);
    let again: RecordedResponse | undefined;
    open.onEvent = event => {
      if (event === 'error') again = sendOn(pool.connect());
    };
    pool.destroy();
    assert.deepEqual([open.failure?.code, again?.failure?.code], ['ECONNRESET', 'ECONNRESET']);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    await until(() => connections.size === 0);
  });

  it('closes a connection whose TLS handshake hangs', async t => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer(socket => void sockets.push(socket.on('error', () => {})));
    const pool = create('https:', await listenFor(t, mute));
    const hanging = sendOn(pool.acquire());
    await until(() => sockets.length === 1);
    pool.destroy();
    assert.equal(hanging.failure?.code, 'ECONNRESET');
    sockets[0]?.resume();
    await until(() => sockets[0]?.closed === true || sockets[0]?.readableEnded === true);
  });
});
