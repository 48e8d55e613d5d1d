import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { serveHalfClosed } from '../../../src/server/listener/connections.js';
import { inTurn, outlives } from '../../../src/server/listener/pipelining.js';
import { connectRaw, type RawConnection } from '../../support/clients/raw-http.js';
import { closed } from '../../support/closed.js';
import { eventually, within } from '../../support/eventually.js';
import { steady } from '../../support/steady.js';

/** A server whose requests wait for their turn, and its connections. */
interface Server {
  readonly sockets: readonly net.Socket[];
  connect(): Promise<RawConnection>;
}

async function start(t: TestContext, handle: RequestListener, patience?: number): Promise<Server> {
  const server = createServer(inTurn(handle, patience));
  serveHalfClosed(server);
  const sockets: net.Socket[] = [];
  server.on('connection', socket => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { sockets, connect: () => connectRaw((server.address() as AddressInfo).port) };
}

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

function post(target: string, body: string): string {
  return `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const large = 'b'.repeat(1_000_000);

test('requests of one write get a turn of the event loop each', async t => {
  const count = 1000;
  const turns: number[] = [];
  let turn = 0;
  const { connect } = await start(t, (_request, response) => {
    turns.push(turn);
    response.end('ok');
  });
  let isOver = false;
  const countTurns = () => {
    turn += 1;
    if (!isOver) setImmediate(countTurns);
  };
  countTurns();
  t.after(() => {
    isOver = true;
  });
  const client = await connect();
  client.write(get('/').repeat(count));
  await eventually('all requests', () => turns.length === count);
  assert.equal(new Set(turns).size, count);
});

test('a connection is not read while many of its requests wait, and then all are answered in order', async t => {
  const count = 20_000;
  const targets: string[] = [];
  let first: ServerResponse | undefined;
  const { sockets, connect } = await start(t, (request, response) => {
    targets.push(request.url as string);
    if (first === undefined) first = response;
    else response.end();
  });
  const client = await connect();
  const requests = Buffer.from(Array.from({ length: count }, (_, index) => get(`/${index}`)).join(''));
  client.write(requests);
  await eventually('the first request', () => first !== undefined);
  await steady(() => sockets[0]?.bytesRead ?? 0);
  const [socket = assert.fail()] = sockets;
  assert.ok(socket.bytesRead < requests.length / 2, `${socket.bytesRead} bytes`);
  const outlived = () =>
    ['ERR_HTTP_REQUEST_TIMEOUT', 'HPE_CLOSED_CONNECTION', 'HPE_INVALID_METHOD'].filter(code =>
      outlives(socket, { code }),
    );
  assert.deepEqual(outlived(), ['ERR_HTTP_REQUEST_TIMEOUT', 'HPE_CLOSED_CONNECTION']);
  first?.end();
  await eventually('all requests', () => targets.length === count);
  assert.deepEqual(outlived(), ['HPE_CLOSED_CONNECTION'], 'a head that is slow is the fault of its client');
  assert.deepEqual(
    targets,
    Array.from({ length: count }, (_, index) => `/${index}`),
  );
});

for (const [what, behind] of [
  ['a body', post('/behind', large)],
  ['the beginning of a body', post('/behind', large).slice(0, 200_000)],
  ['a queue of requests', get('/behind').repeat(20_000)],
] as const) {
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    test(`a client that leaves (${leave}) while ${what} waits behind a silent answer is noticed`, async t => {
      const targets: string[] = [];
      const { sockets, connect } = await start(t, request => targets.push(request.url as string), 200);
      const client = await connect();
      client.write(get('/silent') + behind);
      await eventually('the first request', () => targets.length > 0);
      await steady(() => sockets[0]?.bytesRead ?? 0);
      client.socket[leave]();
      const [socket] = sockets;
      assert.ok(socket !== undefined);
      await within('the end of the connection', closed(socket));
      assert.deepEqual(targets, ['/silent']);
    });
  }
}

test('a client that waits for a silent answer stays if its connection is read', async t => {
  const patience = 100;
  const responses: ServerResponse[] = [];
  const { sockets, connect } = await start(
    t,
    (request, response) => {
      if (request.url === '/last') response.end('last');
      else responses.push(response);
    },
    patience,
  );
  const client = await connect();
  client.write(get('/silent') + post('/small', 'body') + get('/last'));
  await eventually('the first request', () => responses.length === 1);
  const began = performance.now();
  await eventually('several times the patience', () => performance.now() - began > 5 * patience);
  assert.equal(sockets[0]?.destroyed, false);
  responses[0]?.end('first');
  await eventually('the second request', () => responses.length === 2);
  responses[1]?.end('second');
  await client.until(/first[\s\S]*second[\s\S]*last/);
});

test('a request whose connection ends just before its turn is not passed on', async t => {
  const targets: string[] = [];
  const { sockets, connect } = await start(t, (request, response) => {
    targets.push(request.url as string);
    // Node has given the connection to the next response when this listener is called.
    response.once('finish', () => request.socket.destroy()).end('ok');
  });
  const client = await connect();
  client.write(get('/first') + get('/second').repeat(3));
  await client.untilClosed();
  await eventually('the end', () => sockets[0]?.closed === true);
  await new Promise(setImmediate);
  assert.deepEqual(targets, ['/first']);
});
