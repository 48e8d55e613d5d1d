import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Strangers } from '../../../src/authentication/strangers.js';
import { eventually } from '../../support/eventually.js';
import {
  connectFrames,
  type FrameConnection,
  flags,
  frame,
  frameTypes,
  get,
  settingsFrame,
  uint32,
} from '../../support/upstreams/http2-frames.js';
import { overHttp2, startSecureServer } from './secure-server.js';

const maxConcurrentStreams = 3;
const initialWindowSize = 4;
const refusedStream = 7;
const content = 'a'.repeat(100_000);

/** A server whose requests of `/caller` are a caller's, and have no end, as those of `/wait`. */
async function start(t: TestContext, limits: { memory?: number; patience?: number } = {}) {
  const resets: string[] = [];
  const strangers = new Strangers(reason => resets.push(reason), {
    ...{ memory: 1e9, patience: 600_000 },
    ...limits,
  });
  const open = new Map<string, number>();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url as string;
    open.set(path, (open.get(path) ?? 0) + 1);
    overHttp2(response).stream.once('close', () => open.set(path, (open.get(path) as number) - 1));
    if (path === '/caller') strangers.known(request);
    if (path !== '/answered') return;
    const pieces = strangers.counted(request, { header: () => {} }, content) as NodeJS.ReadableStream;
    pieces.pipe(response);
  };
  const { port, ca } = await startSecureServer(t, strangers.counting(answer), {}, undefined, true);
  const connect = async () => {
    const connection = await connectFrames(port, ca);
    t.after(() => connection.socket.destroy());
    // Nothing of an answer's body is taken.
    connection.send(settingsFrame([initialWindowSize, 0]));
    return connection;
  };
  const request = (connection: FrameConnection, count: number, path: string, first = 1, fields = '') => {
    for (let index = 0; index < count; index += 1)
      connection.head(first + 2 * index, [...get(path), ['x-long', fields]]);
  };
  return { resets, open: (path: string) => open.get(path) ?? 0, connect, request };
}

const streamsIn = ({ payload }: { payload: Buffer }) => {
  for (let at = 0; at < payload.length; at += 6)
    if (payload.readUInt16BE(at) === maxConcurrentStreams) return payload.readUInt32BE(at + 2);
  return undefined;
};
const settings = ({ frames }: FrameConnection) =>
  frames.filter(({ type }) => type === frameTypes.settings).flatMap(each => streamsIn(each) ?? []);
const isReset = ({ type }: { type: number }) => type === frameTypes.rstStream;
const ping = frame(frameTypes.ping, 0, 0, Buffer.alloc(8));

describe('a connection', () => {
  it('has 20 streams until a caller of it is known, and 250 after', async t => {
    const { open, connect, request } = await start(t);
    const connection = await connect();
    request(connection, 30, '/wait');
    await connection.until(
      'REFUSED_STREAM',
      ({ type, payload }) => type === frameTypes.rstStream && payload.readUInt32BE(0) === refusedStream,
    );
    assert.deepEqual(settings(connection), [20]);
    assert.equal(open('/wait'), 20);
    connection.send(frame(frameTypes.rstStream, 0, 1, uint32(8)));
    await eventually('the end of one', () => open('/wait') === 19);
    request(connection, 1, '/caller', 101);
    await eventually('the new limit', () => settings(connection).includes(250));
    connection.send(frame(frameTypes.settings, flags.ack, 0));
    connection.send(frame(frameTypes.settings, flags.ack, 0));
    request(connection, 230, '/caller', 103);
    await eventually('all', () => open('/caller') === 231);
  });

  it('may send 64 KB of bodies that nobody reads until a caller of it is known, and 1 MB after', async t => {
    const { connect } = await start(t);
    const connection = await connect();
    const windows = () =>
      connection.frames.filter(({ type, stream }) => type === frameTypes.windowUpdate && stream === 0);
    connection.head(1, get('/wait'));
    connection.send(ping);
    await connection.until('the answer to PING', ({ type }) => type === frameTypes.ping);
    assert.deepEqual(windows(), []);
    connection.head(3, get('/caller'));
    const { payload } = await connection.until('a window', each => windows().includes(each));
    assert.equal(payload.readUInt32BE(0), 1024 * 1024 - 65_535);
  });
});

describe('an answer to a stranger', () => {
  it('of which the client takes nothing for some time is reset, although it sends PINGs', async t => {
    const { resets, open, connect, request } = await start(t, { patience: 300 });
    const connection = await connect();
    const pings = setInterval(() => connection.send(ping), 50);
    t.after(() => clearInterval(pings));
    request(connection, 20, '/answered');
    connection.head(41, get('/wait'));
    await eventually('all resets', () => resets.length === 20);
    await eventually('their ends', () => open('/answered') === 0);
    assert.ok(resets.every(reason => reason === 'unread'));
    assert.equal(open('/wait'), 0, 'the 21st stream was refused');
    assert.ok(!connection.socket.destroyed);
    // There is room again.
    request(connection, 20, '/wait', 101);
    await eventually('new streams', () => open('/wait') === 20);
  });

  it('that the client takes piece by piece arrives whole', async t => {
    const { resets, connect, request } = await start(t, { patience: 2_000 });
    const connection = await connect();
    request(connection, 1, '/answered');
    const body = () =>
      connection.frames
        .filter(({ type }) => type === frameTypes.data)
        .reduce((length, { payload }) => length + payload.length, 0);
    const take = (bytes: number) => connection.send(frame(frameTypes.windowUpdate, 0, 1, uint32(bytes)));
    connection.send(frame(frameTypes.windowUpdate, 0, 0, uint32(content.length)));
    for (let taken = 0; taken < content.length; taken += 5_000) {
      take(5_000);
      await eventually('what was asked for', () => body() >= Math.min(taken + 5_000, content.length));
      await delay(120);
    }
    // Even the end needs a window.
    take(1);
    await connection.until('the end', each => each.stream === 1 && (each.flags & flags.endStream) !== 0);
    assert.equal(body(), content.length);
    assert.deepEqual(resets, []);
  });
});

describe('above the limit of memory of all strangers', () => {
  const memory = 2_000_000;

  it('their oldest streams are reset, whatever their answers wait for, and a caller keeps all', async t => {
    for (const path of ['/wait', '/answered']) {
      const { resets, open, connect, request } = await start(t, { memory });
      const [first, last] = [await connect(), await connect()];
      request(first, 15, '/caller');
      await eventually('the caller', () => open('/caller') === 15);
      request(first, 5, path, 101);
      await eventually('the first strangers', () => open(path) === 5);
      for (let count = 0; count < 10; count += 1) request(await connect(), 15, path);
      request(last, 1, path);
      await first.until('a reset of the oldest', each => isReset(each) && each.stream === 101);
      await eventually('room', () => open(path) * 16_384 <= memory);
      assert.ok(open(path) >= 15, `${open(path)}`);
      assert.ok(resets.every(reason => reason === 'memory'));
      assert.equal(open('/caller'), 15);
      assert.ok(!last.frames.some(isReset), 'the newest one stays');
    }
  });

  it('the bytes of their heads count', async t => {
    const { open, connect, request } = await start(t, { memory });
    for (let count = 0; count < 10; count += 1) request(await connect(), 20, '/wait', 1, 'x'.repeat(15_000));
    await eventually('room', () => open('/wait') > 0 && open('/wait') <= memory / 31_384);
  });

  it('the bytes of their bodies count', async t => {
    const { resets, open, connect } = await start(t, { memory, patience: 500 });
    for (let count = 0; count < 40; count += 1) {
      const connection = await connect();
      const post = [[':method', 'POST'], ...get('/wait').slice(1)] as const;
      connection.head(1, post as never, false);
      for (let part = 0; part < 4; part += 1)
        connection.send(frame(frameTypes.data, 0, 1, Buffer.alloc(16_000)));
    }
    await eventually('all', () => open('/wait') + resets.length === 40);
    await eventually('room', () => open('/wait') > 0 && open('/wait') <= 1 + memory / 80_384);
  });
});
