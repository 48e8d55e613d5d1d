import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, type TestContext, test } from 'node:test';
import { Strangers } from '../../src/authentication/strangers.js';
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

test('what waits behind a caller on a connection ends for nobody', async t => {
  const { resets, waiting, connect } = await start(t, { memory: 200_000 });
  const connection = await connect('/caller', head);
  await eventually('the first', () => waiting.length === 1);
  connection.write(`GET /wait HTTP/1.1\r\nHost: localhost\r\n${head}\r\n`.repeat(10));
  await eventually('the others', () => waiting.length === 11);
  for (const response of waiting) response.end('answer');
  await connection.until(/(answer[\s\S]*){11}$/);
  assert.deepEqual(resets, []);
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
