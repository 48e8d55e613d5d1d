import assert from 'node:assert/strict';
import http from 'node:http';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import type { Dial } from '../../../src/transport/dial/dial.js';
import { Http1Connection } from '../../../src/transport/http1/connection.js';
import type { Lease } from '../../../src/transport/round-trip.js';
import { until } from '../../support/eventually.js';
import { listenFor } from '../../support/ports.js';
import { sendOn } from '../../support/transport/recorded-response.js';
import { callOver } from '../../support/transport/upstream-requests.js';
import {
  type FrameServer,
  type FrameServerOptions,
  type ServedConnection,
  startFrameServer,
} from '../../support/upstreams/http2-frame-server.js';
import { frame, frameTypes, settingsFrame } from '../../support/upstreams/http2-frames.js';
import { dialPlain } from './http2-dial.js';

const maxConcurrentStreams = 3;
const maxHeaderListSize = 6;
const ok = [[':status', '200']] as const;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function start(options: FrameServerOptions = {}): Promise<FrameServer> {
  const server = await startFrameServer(options);
  ends.push(() => server.close());
  return server;
}

/** An HTTP/1.1 connection that is never open. */
const dialForever: Dial = () => ({ destroy() {} });

function poolOf(dial: Dial) {
  let empties = 0;
  let dials = 0;
  const pool = new ConnectionPool(dialForever, (...args) => {
    dials += 1;
    return dial(...args);
  });
  pool.whenEmpty(() => {
    empties += 1;
  });
  ends.push(() => pool.destroy());
  return { pool, empties: () => empties, dials: () => dials };
}

/** A request for which the pool may open a stream. */
const lease = async (pool: ConnectionPool): Promise<Lease> => pool.lease('shared');

function leaseMany(pool: ConnectionPool, count: number): Promise<Lease[]> {
  return Promise.all(Array.from({ length: count }, () => lease(pool)));
}

const arePlain = (leases: readonly Lease[]) => leases.filter(each => each instanceof Http1Connection).length;

describe('a pool of HTTP/2 connections', () => {
  it('opens one connection for many requests, and gives streams immediately once it is open', async () => {
    const server = await start();
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await leaseMany(pool, 50);
    assert.equal(arePlain(leases), 0);
    assert.ok(!(pool.lease('shared') instanceof Promise));
    assert.equal(dials(), 1);
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
  });

  it('opens a connection for each hundred requests that come before the API server’s SETTINGS', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 100]] });
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await leaseMany(pool, 300);
    assert.equal(arePlain(leases), 0);
    assert.equal(dials(), 3);
    const exchanges = leases.map((lease, index) => sendOn(lease, `/${index}`));
    const answer = (count: number) => {
      const { frames, ...peer } = server.accepted[count] as (typeof server.accepted)[number];
      for (const { type, stream } of frames) if (type === 1) peer.head(stream, ok, true);
    };
    await until(() => server.accepted.every(peer => peer.of(1).length === 100));
    for (const count of [2, 0, 1]) answer(count);
    await Promise.all(exchanges.map(each => each.over));
    assert.ok(exchanges.every(each => each.whole));
    assert.deepEqual(pool.counts, { idle: 3, active: 0 });
  });

  it('fills a connection with streams before it opens another one', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 2]] });
    const { pool, dials } = poolOf(dialPlain(server.port));
    const first = await lease(pool);
    await lease(pool);
    await lease(pool);
    assert.equal(dials(), 2);
    first.abort();
    await lease(pool);
    await lease(pool);
    assert.equal(dials(), 2);
  });

  it('opens no more connections than requests waited for, if each allows only few streams', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 1]] });
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await leaseMany(pool, 300);
    assert.equal(dials(), 3);
    assert.equal(arePlain(leases), 297);
    // The next one waits for a connection again.
    assert.equal(arePlain([await lease(pool)]), 0);
    assert.equal(dials(), 4);
  });

  it('opens one connection for requests that come together, and one of its own for each, if the API server refuses every stream', async t => {
    const server = await start({ onConnection: connection => connection.goaway(0) });
    const plain = http.createServer((_request, response) => void response.end('alone'));
    let dials = 0;
    const dial = dialPlain(server.port);
    const pool = new ConnectionPool(dialPlain(await listenFor(t, plain), 'http/1.1'), (...args) => {
      dials += 1;
      return dial(...args);
    });
    ends.push(() => pool.destroy());
    for (const round of [1, 2]) {
      const watches = ['/1', '/2', '/3'].map(
        target => callOver(pool, target, { connection: 'shared', isRepeatable: true }).response,
      );
      for (const watch of watches) assert.equal((await watch.over).text, 'alone');
      // The API server may accept streams again by the next request.
      assert.equal(dials, round);
    }
  });

  it('changes to HTTP/1.1 if the API server selects that', async () => {
    const server = await start();
    const { pool, dials } = poolOf(dialPlain(server.port, 'http/1.1'));
    assert.equal(arePlain(await leaseMany(pool, 150)), 150);
    assert.equal(dials(), 2);
    assert.ok(pool.lease('shared') instanceof Http1Connection);
    assert.equal(dials(), 2);
  });

  it('changes to HTTP/1.1 if the API server allows no stream', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 0]] });
    const { pool } = poolOf(dialPlain(server.port));
    assert.equal(arePlain(await leaseMany(pool, 2)), 2);
    assert.ok(pool.lease('shared') instanceof Http1Connection);
    await until(() => server.accepted[0]?.socket.readableEnded === true);
  });

  it('rejects all waiting requests with the error of dialling, and dials again for the next one', async () => {
    const server = await start();
    let fails = true;
    const dial = dialPlain(server.port);
    const { pool, dials } = poolOf((callback, onread) => {
      if (!fails) return dial(callback, onread);
      setImmediate(() => callback(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), null));
      return { destroy() {} };
    });
    const waiting = await Promise.allSettled(Array.from({ length: 5 }, () => lease(pool)));
    assert.ok(waiting.every(each => each.status === 'rejected' && each.reason.code === 'ECONNREFUSED'));
    assert.equal(dials(), 1);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    fails = false;
    assert.equal(arePlain([await lease(pool)]), 0);
  });

  it('ends idle connections when it is closed, and others with their last stream', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 1]] });
    const { pool, empties } = poolOf(dialPlain(server.port));
    const [one, two] = [await lease(pool), await lease(pool)];
    assert.deepEqual(pool.counts, { idle: 0, active: 2 });
    two.abort();
    pool.close();
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    const exchange = sendOn(one, '/');
    const peer = await server.peer();
    peer.head(await peer.request('/'), ok, true);
    await exchange.over;
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    assert.equal(empties(), 1);
  });

  it('ends all connections when it is destroyed, and requests that wait', async () => {
    const server = await start({ settings: undefined });
    const { pool, empties } = poolOf(dialPlain(server.port));
    const waiting = Promise.allSettled([lease(pool), lease(pool)]);
    pool.destroy();
    assert.ok((await waiting).every(({ status }) => status === 'rejected'));
    assert.equal(empties(), 1);
  });

  /** One check of the pool's connections while the API server answers. */
  async function check(t: TestContext, peer: ServedConnection, number: number): Promise<void> {
    const mark = Buffer.from(`mark ${number}`.padEnd(8));
    peer.send(frame(frameTypes.ping, 0, 0, mark));
    await peer.until('the answer', each => each.payload.equals(mark));
    t.mock.timers.tick(5_000);
  }

  it('closes a connection that is idle for a minute', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const server = await start();
    const { pool } = poolOf(dialPlain(server.port));
    const stream = await lease(pool);
    const peer = await server.peer();
    for (let count = 0; count < 15; count++) await check(t, peer, count);
    stream.abort();
    for (let count = 15; count < 15 + 11; count++) await check(t, peer, count);
    assert.deepEqual(pool.counts, { idle: 1, active: 0 });
    await check(t, peer, 15 + 11);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  it('still serves requests that wait when it is closed, or come later, and ends each connection with its last one', async () => {
    const server = await start();
    const { pool, empties } = poolOf(dialPlain(server.port));
    const waiting = leaseMany(pool, 3);
    pool.close();
    const [first, ...others] = await waiting;
    for (const stream of others) stream.abort();
    assert.deepEqual([pool.counts.active, empties()], [1, 0]);
    first?.abort();
    assert.deepEqual([pool.counts.active, empties()], [0, 1]);
    const late = await lease(pool);
    assert.equal(pool.counts.active, 1);
    late.abort();
    assert.equal(pool.counts.active, 0);
  });

  it('checks nothing while no connection is open, and as often as before when one is open again', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const server = await start();
    const { pool } = poolOf(dialPlain(server.port));
    for (let index = 0; index < 3; index++) {
      (await lease(pool)).abort();
      const peer = await server.peer(index);
      for (let count = 0; count < 11; count++) await check(t, peer, count);
      assert.deepEqual(pool.counts, { idle: 1, active: 0 });
      peer.goaway(0);
      await until(() => pool.counts.idle === 0);
    }
  });
});

describe('a pool that shares connections', () => {
  it('is empty when its connections of both protocols have ended', async () => {
    const server = await start();
    const connectionPool = new ConnectionPool(dialPlain(server.port), dialPlain(server.port));
    ends.push(() => connectionPool.destroy());
    let empties = 0;
    connectionPool.whenEmpty(() => {
      empties += 1;
    });
    const shared = callOver(connectionPool, '/', { connection: 'shared' });
    await (await server.peer()).request('/');
    const plain = connectionPool.acquire();
    assert.deepEqual(connectionPool.counts, { idle: 0, active: 2 });
    connectionPool.close();
    plain.destroy();
    assert.equal(empties, 0);
    assert.deepEqual(connectionPool.counts, { idle: 0, active: 1 });
    shared.call.abort();
    assert.equal(empties, 1);
    assert.deepEqual(connectionPool.counts, { idle: 0, active: 0 });
  });

  it('gives a request whose head is larger than the API server has told for this connection one of its own', async t => {
    const told = 1_000;
    const alone: string[] = [];
    const plain = http.createServer(({ url = '' }, response) => {
      alone.push(url);
      response.end('alone');
    });
    const server = await start({ settings: [[maxHeaderListSize, told]] });
    const connectionPool = new ConnectionPool(
      dialPlain(await listenFor(t, plain), 'http/1.1'),
      dialPlain(server.port),
    );
    ends.push(() => connectionPool.destroy());
    /** A watch whose head has this size, as RFC 9113 counts it. */
    const watch = (target: string, size: number) => {
      const own = [':method', 'GET', ':scheme', 'https', ':authority', 'api:6443', ':path', target, 'x'];
      const padding = 'y'.repeat(size - own.join('').length - 32 * 5);
      const more = { headers: ['X', padding], connection: 'shared', isRepeatable: true } as const;
      return callOver(connectionPool, target, more).response;
    };
    const open = watch('/open', told);
    const peer = await server.peer();
    const stream = await peer.request('/open');
    assert.equal((await watch('/larger', told + 1).over).text, 'alone');
    peer.send(settingsFrame([maxHeaderListSize, told - 1]));
    await peer.until('the acknowledgement', () => peer.of(frameTypes.settings).length === 3);
    assert.equal((await watch('/less', told).over).text, 'alone');
    peer.send(settingsFrame([maxHeaderListSize, 2 * told]));
    await peer.until('the acknowledgement', () => peer.of(frameTypes.settings).length === 4);
    watch('/more', 2 * told);
    await peer.request('/more');
    peer.head(stream, ok, true);
    await open.over;
    assert.deepEqual(
      [open.status, open.whole, alone, server.accepted.length],
      [200, true, ['/larger', '/less'], 1],
    );
  });
});
