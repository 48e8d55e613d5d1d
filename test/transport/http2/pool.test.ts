import assert from 'node:assert/strict';
import http from 'node:http';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import type { Dial } from '../../../src/transport/dial/dial.js';
import { Http2Pool } from '../../../src/transport/http2/pool.js';
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

/** Stands for an HTTP/1.1 connection. */
class PlainLease implements Lease {
  readonly isStale = false;
  send(): void {}
  pause(): void {}
  resume(): void {}
  abort(): void {}
}

function poolOf(dial: Dial): { readonly pool: Http2Pool; empties(): number; dials(): number } {
  let empties = 0;
  let dials = 0;
  const pool = new Http2Pool({
    dial: (...args) => {
      dials += 1;
      return dial(...args);
    },
    plain: () => new PlainLease(),
    onEmpty: () => {
      empties += 1;
    },
  });
  ends.push(() => pool.destroy());
  return { pool, empties: () => empties, dials: () => dials };
}

function acquireMany(pool: Http2Pool, count: number): Promise<Lease[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()));
}

const arePlain = (leases: readonly Lease[]) => leases.filter(lease => lease instanceof PlainLease).length;

describe('a pool of HTTP/2 connections', () => {
  it('opens one connection for many requests, and gives streams immediately once it is open', async () => {
    const server = await start();
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await acquireMany(pool, 50);
    assert.equal(arePlain(leases), 0);
    assert.ok(!(pool.acquire() instanceof Promise));
    assert.equal(dials(), 1);
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
  });

  it('opens a connection for each hundred requests that come before the API server’s SETTINGS', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 100]] });
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await acquireMany(pool, 300);
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
    const first = await pool.acquire();
    await pool.acquire();
    await pool.acquire();
    assert.equal(dials(), 2);
    first.abort();
    await pool.acquire();
    await pool.acquire();
    assert.equal(dials(), 2);
  });

  it('tries one more connection for a request, and no third one, if each allows only few streams', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 1]] });
    const { pool, dials } = poolOf(dialPlain(server.port));
    const leases = await acquireMany(pool, 300);
    assert.ok(dials() > 3 && dials() <= 6, `${dials()} connections`);
    assert.equal(leases.length - arePlain(leases), dials());
  });

  it('does not open connections without limit if the API server refuses every stream', async () => {
    const server = await start({ onConnection: connection => connection.goaway(0) });
    const { pool, dials, empties } = poolOf(dialPlain(server.port));
    assert.equal(arePlain(await acquireMany(pool, 3)), 3);
    assert.ok(dials() <= 3, `${dials()} connections`);
    await until(() => pool.isEmpty);
    assert.ok(empties() > 0);
    // The API server may accept streams again by the next request.
    const before = dials();
    await pool.acquire();
    assert.ok(dials() > before);
  });

  it('changes to HTTP/1.1 if the API server selects that', async () => {
    const server = await start();
    const { pool, dials } = poolOf(dialPlain(server.port, 'http/1.1'));
    assert.equal(arePlain(await acquireMany(pool, 150)), 150);
    assert.equal(dials(), 2);
    assert.ok(pool.acquire() instanceof PlainLease);
    assert.ok(pool.isEmpty);
  });

  it('rejects all waiting requests with the error of dialling, and dials again for the next one', async () => {
    const server = await start();
    let fails = true;
    const dial = dialPlain(server.port);
    const { pool, dials, empties } = poolOf((callback, onread) => {
      if (!fails) return dial(callback, onread);
      setImmediate(() => callback(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), null));
      return { destroy() {} };
    });
    const waiting = await Promise.allSettled(Array.from({ length: 5 }, () => pool.acquire()));
    assert.ok(waiting.every(each => each.status === 'rejected' && each.reason.code === 'ECONNREFUSED'));
    assert.equal(dials(), 1);
    assert.equal(empties(), 1);
    assert.ok(pool.isEmpty);
    fails = false;
    assert.equal(arePlain([await pool.acquire()]), 0);
  });

  it('ends idle connections when it is closed, and others with their last stream', async () => {
    const server = await start({ settings: [[maxConcurrentStreams, 1]] });
    const { pool, empties } = poolOf(dialPlain(server.port));
    const [one, two] = [await pool.acquire(), await pool.acquire()];
    assert.deepEqual(pool.counts, { idle: 0, active: 2 });
    two.abort();
    pool.close();
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    const exchange = sendOn(one, '/');
    const peer = await server.peer();
    peer.head(await peer.request('/'), ok, true);
    await exchange.over;
    assert.ok(pool.isEmpty);
    assert.equal(empties(), 1);
  });

  it('ends all connections when it is destroyed, and requests that wait', async () => {
    const server = await start({ settings: undefined });
    const { pool, empties } = poolOf(dialPlain(server.port));
    const waiting = Promise.allSettled([pool.acquire(), pool.acquire()]);
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
    const { pool, empties } = poolOf(dialPlain(server.port));
    const lease = await pool.acquire();
    const peer = await server.peer();
    for (let count = 0; count < 15; count++) await check(t, peer, count);
    lease.abort();
    for (let count = 15; count < 15 + 11; count++) await check(t, peer, count);
    assert.deepEqual(pool.counts, { idle: 1, active: 0 });
    await check(t, peer, 15 + 11);
    assert.ok(pool.isEmpty);
    assert.equal(empties(), 1);
  });

  it('closes a connection that it opened after its own end as soon as a check finds it idle', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const server = await start();
    const { pool } = poolOf(dialPlain(server.port));
    pool.close();
    const lease = await pool.acquire();
    await check(t, await server.peer(), 1);
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    lease.abort();
    assert.deepEqual(pool.counts, { idle: 1, active: 0 });
    await check(t, await server.peer(), 2);
    assert.ok(pool.isEmpty);
  });

  it('checks nothing while no connection is open, and as often as before when one is open again', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const server = await start();
    const { pool } = poolOf(dialPlain(server.port));
    for (let index = 0; index < 3; index++) {
      (await pool.acquire()).abort();
      const peer = await server.peer(index);
      for (let count = 0; count < 11; count++) await check(t, peer, count);
      assert.deepEqual(pool.counts, { idle: 1, active: 0 });
      peer.goaway(0);
      await until(() => pool.isEmpty);
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
    connectionPool.discard(plain);
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
