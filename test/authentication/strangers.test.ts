import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Strangers } from '../../src/authentication/strangers.js';
import { overHttp2 } from '../../src/http/http2-answer.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { eventually } from '../support/eventually.js';
import { listen } from '../support/ports.js';

/** More than the kernel's buffers of a connection take. */
const large = 64_000_000;

/** A server whose requests of `/caller` are a caller's. Those of `/wait` and `/caller` get no answer before they are told. */
async function start(t: TestContext, limits: { memory?: number; patience?: number }) {
  const resets: string[] = [];
  const strangers = new Strangers(reason => resets.push(reason), {
    ...{ memory: 1e9, patience: 600_000 },
    ...limits,
  });
  const waiting: ServerResponse[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/caller') strangers.known(request);
    const counted = (content: unknown) => strangers.counted(request, { header: () => {} }, content);
    if (request.url === '/large') (counted(Buffer.alloc(large)) as NodeJS.ReadableStream).pipe(response);
    else if (request.url === '/counted') response.end(counted('counted'));
    else if (request.url === '/answered') response.end('answer');
    else waiting.push(response);
  };
  const server = createServer({ maxHeaderSize: 64 * 1024 }, strangers.counting(answer));
  const port = await listen(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const connect = async (path: string, fields = '') => {
    const connection = await connectRaw(port);
    t.after(() => connection.destroy());
    connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
    return connection;
  };
  return { strangers, resets, waiting, connect };
}

const head = `X-Long: ${'x'.repeat(14_000)}\r\n`;

test('above the limit of memory the oldest strangers lose their connections, and callers never', async t => {
  const { resets, waiting, connect } = await start(t, { memory: 200_000 });
  const caller = await connect('/caller', head);
  const early = await connect('/wait', head);
  await eventually('both', () => waiting.length === 2);
  for (let count = 3; count < 9; count += 1) {
    await connect('/wait', head);
    await eventually('the next', () => waiting.length === count);
  }
  assert.deepEqual(resets, ['memory'], 'seven of them are more');
  await early.untilClosed();
  for (const response of waiting) response.end('answer');
  await caller.until(/answer$/);
});

test('strangers whose answers are taken do not add up, nor do callers', async t => {
  const { resets, connect } = await start(t, { memory: 50_000 });
  for (const path of ['/answered', '/caller']) {
    for (let count = 0; count < 10; count += 1) {
      const connection = await connect(path);
      if (path === '/answered') await connection.until(/answer$/);
    }
  }
  assert.deepEqual(resets, []);
});

test('a stranger with a large head has no connection after the answer, and one with a small head has', async t => {
  const { connect } = await start(t, {});
  const [large, small] = [await connect('/counted', head.repeat(2)), await connect('/counted', head)];
  assert.match(await large.untilClosed(), /connection: close[\s\S]*counted$/i);
  small.write('GET /counted HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await small.until(/counted[\s\S]*counted$/);
});

test('strangers who leave before their answer do not count', async t => {
  const { resets, waiting, connect } = await start(t, { memory: 50_000 });
  for (let count = 1; count < 6; count += 1) {
    const connection = await connect('/wait');
    await eventually('the request', () => waiting.length === count);
    connection.destroy();
    await eventually('its end', () => waiting.at(-1)?.closed === true);
  }
  assert.deepEqual(resets, []);
});

test('requests that wait for their turn on a connection count', async t => {
  const { resets, waiting, connect } = await start(t, { memory: 200_000 });
  const connection = await connect('/wait', head);
  await eventually('the first', () => waiting.length === 1);
  connection.write(`GET /wait HTTP/1.1\r\nHost: localhost\r\n${head}\r\n`.repeat(10));
  await connection.untilClosed();
  assert.ok(resets.length >= 1);
});

test('an answer of which a stranger takes nothing for some time ends, and one that is taken slowly does not', async t => {
  const { resets, connect } = await start(t, { patience: 500 });
  const reading = await connect('/large');
  const reader = setInterval(() => {
    if (reading.socket.isPaused()) reading.socket.resume();
    else reading.socket.pause();
  }, 10);
  after(() => clearInterval(reader));
  const stuck = await connect('/large');
  stuck.socket.pause();
  const waiting = await connect('/wait');
  await eventually('the reset', () => resets.length > 0);
  assert.deepEqual(resets, ['unread']);
  stuck.socket.resume();
  assert.ok((await stuck.untilClosed()).length < large);
  await eventually('the slow reader', () => reading.received().length > large);
  assert.deepEqual(resets, ['unread'], 'a request without an answer waits, too');
  waiting.destroy();
});

/** Bytes that count for a request besides its head. */
const size = 16 * 1024;

/** Strangers of which three have room, whose requests have no connections, and time that stands still. */
function startWithout(t: TestContext, limits?: { memory: number; patience: number }) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const resets: string[] = [];
  const strangers = new Strangers(reason => resets.push(reason), limits);
  const socketOf = () =>
    Object.assign(new EventEmitter(), { destroyed: false, writableLength: 0, bytesWritten: 0 });
  const add = (target = 0, isHttp2 = false, socket = socketOf()) => {
    const dropped = () => {
      socket.destroyed = true;
    };
    const stream = Object.assign(new EventEmitter(), { readableLength: 0 });
    const answer = Object.assign(new EventEmitter(), {
      ...{ headersSent: false, shouldKeepAlive: true, writableFinished: false },
      ...{ stream, bytesSent: 0, writableLength: 0, drop: dropped },
    });
    const request = { socket: Object.assign(socket, { destroy: dropped }), url: 'x'.repeat(target) };
    const raw = { ...request, rawHeaders: [], readableLength: 0, ...(isHttp2 && { [overHttp2]: true }) };
    strangers.add(raw as unknown as IncomingMessage, answer as unknown as ServerResponse);
    return { raw: raw as unknown as IncomingMessage & { readableLength: number }, socket, answer };
  };
  const pass = async (checks: number) => {
    t.mock.timers.tick(100 * checks);
    await nextTurn();
  };
  return { strangers, resets, add, pass };
}

const room = { memory: 3 * size, patience: 1_000 };

test('as many of the oldest strangers are reset as make room, and each counts until its end', async t => {
  const { strangers, resets, add, pass } = startWithout(t, room);
  const first = [add(), add(), add()];
  assert.deepEqual(resets, []);
  const long = add(size);
  await pass(0);
  assert.deepEqual(resets, ['memory', 'memory']);
  assert.deepEqual(
    [...first, long].map(({ socket }) => socket.destroyed),
    [true, true, false, false],
  );
  assert.equal(strangers.counted(first[2]?.raw as IncomingMessage, { header() {} }, 'x'), 'x');
  assert.equal(resets.length, 3);
  const reply = { header() {} };
  strangers.counted(long.raw, reply, '');
  assert.equal(long.answer.shouldKeepAlive, true);
  strangers.counted(long.raw, reply, 'x'.repeat(size));
  strangers.counted(long.raw, reply, '');
  assert.equal(long.answer.shouldKeepAlive, false);
  long.answer.emit('close');
  for (const _ of [1, 2, 3]) add();
  assert.equal(resets.length, 3);
});

test('what comes behind a caller’s request on its connection is not reset, and does not count until that has its answer', async t => {
  const { strangers, resets, add, pass } = startWithout(t, room);
  const caller = add();
  const early = add(0, false, caller.socket);
  strangers.known(caller.raw);
  add();
  for (const _ of [1, 2, 3, 4]) add(0, false, caller.socket);
  add();
  assert.deepEqual(resets, []);
  add();
  await pass(0);
  assert.deepEqual([resets, early.socket.destroyed], [[], false]);
  caller.answer.writableFinished = true;
  add(0, false, caller.socket);
  assert.deepEqual(resets, ['memory']);
});

test('at each check the bytes count that nobody has read of a body, and a connection that is gone does not', async t => {
  for (const isHttp2 of [false, true]) {
    const { resets, add, pass } = startWithout(t, { ...room, memory: 3 * size + 10 });
    const [first, gone] = [add(0, isHttp2), add(), add()];
    const unread = (bytes: number) => {
      if (isHttp2) first.answer.stream.readableLength = bytes;
      else first.raw.readableLength = bytes;
    };
    unread(10);
    await pass(3);
    unread(0);
    await pass(1);
    gone.socket.destroyed = true;
    await pass(1);
    unread(10);
    add();
    await pass(1);
    assert.deepEqual(resets, []);
    unread(11);
    await pass(1);
    assert.deepEqual([resets, first.socket.destroyed], [['memory'], true]);
    add();
    assert.equal(resets.length, 1);
    t.mock.timers.reset();
  }
});

test('a stream of which nothing is taken is reset, whatever its connection sends', async t => {
  const { resets, add, pass } = startWithout(t, room);
  const { answer, socket } = add(0, true);
  answer.headersSent = true;
  for (let check = 0; check < 9; check += 1) {
    socket.bytesWritten += 9;
    await pass(1);
  }
  assert.deepEqual(resets, []);
  socket.bytesWritten += 9;
  await pass(1);
  assert.deepEqual([resets, socket.destroyed], [['unread'], true]);
});

test('without other limits strangers have at most 32 MB', t => {
  const { resets, add } = startWithout(t);
  for (let count = 0; count < 31; count += 1) add(1024 * 1024);
  assert.deepEqual(resets, []);
  add(1024 * 1024);
  assert.deepEqual(resets, ['memory']);
});
