import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { Http2Sessions } from '../../../src/features/tls/http2-sessions.js';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../support/certificates/certificates.js';
import { ask as askOnce, connectHttp2 } from '../../support/clients/http2-client.js';
import { eventually } from '../../support/eventually.js';
import { listen } from '../../support/ports.js';
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
import { overHttp2 } from './secure-server.js';

const checkInterval = 20;
const patience = { ask: 3, end: 11 };
/** Longer than the time after which a silent client gets a PING and must have answered it. */
const long = 3 * checkInterval * patience.end;

/** Bytes of an answer that is larger than any socket's buffers. */
const large = 64_000_000;

let authority: CertificateAuthority;
let listener: tls.Server;
let server: Server;
let port: number;
/** Answers that have begun and whose stream is open. */
let open = 0;

before(async () => {
  authority = await createCertificateAuthority();
  const { certificate: cert, key } = await authority.server();
  server = createServer(answer);
  const rules = { onAbuse: () => {}, patience: 0, authenticates: false };
  const sessions = new Http2Sessions(server, rules, { checkInterval, patience });
  listener = tls.createServer({ cert, key, ALPNProtocols: ['h2'] }, socket => sessions.accept(socket));
  port = await listen(listener);
});

after(() => {
  server.emit('close');
  server.closeAllConnections();
  listener.close();
});

/** Bytes of uploads that have been read. */
let uploaded = 0;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url } = request;
  open += 1;
  response.once('close', () => {
    open -= 1;
  });
  if (url === '/slow') {
    for await (const chunk of request) {
      uploaded += (chunk as Buffer).length;
      await setImmediate();
    }
  }
  if (url?.startsWith('/cut')) {
    response.writeHead(200, url === '/cut-of-known-length' ? { 'content-length': 100 } : {});
    response.flushHeaders();
    if (url !== '/cut-without-bytes') response.write('part');
    overHttp2(response).cut();
    return;
  }
  response.writeHead(200);
  if (url === '/large') response.end(Buffer.alloc(large));
  else if (url === '/some') response.write('some');
  else response.flushHeaders();
}

const isPing = ({ type, flags: set }: { type: number; flags: number }) =>
  type === frameTypes.ping && set === 0;
/** A connection with an open request, which sends no frame by itself. */
async function ask(path: string): Promise<FrameConnection> {
  const connection = await connectFrames(port, authority.certificate);
  connection.head(1, get(path));
  await connection.until('the head', ({ type }) => type === frameTypes.headers);
  return connection;
}

function acknowledge(connection: FrameConnection, payload: Buffer): void {
  connection.send(frame(frameTypes.ping, flags.ack, 0, payload));
}

/** Acknowledges each PING until the connection ends. */
function answerPings(connection: FrameConnection): void {
  let answered = 0;
  const timer = setInterval(() => {
    for (const { payload } of connection.frames.filter(isPing).slice(answered)) {
      answered += 1;
      acknowledge(connection, payload);
    }
  }, 5);
  connection.socket.once('close', () => clearInterval(timer));
}

/** A connection with a large answer that fits into its windows, but that the client does not read. */
async function askForMuch(): Promise<FrameConnection> {
  const connection = await connectFrames(port, authority.certificate);
  connection.socket.removeAllListeners('data').pause();
  const most = 2 ** 31 - 1;
  connection.send(settingsFrame([4, most]), frame(frameTypes.windowUpdate, 0, 0, uint32(most - 65_535)));
  connection.head(1, get('/large'));
  await eventually('the request', () => open === 1);
  return connection;
}

test('the proxy closes the connection of a client that reads nothing, and its request ends', async () => {
  const connection = await askForMuch();
  await eventually('the end of the request', () => open === 0);
  connection.socket.destroy();
});

test('a client that answers a PING keeps its request, and gets no second PING before the proxy has sent more', async () => {
  const connection = await ask('/quiet');
  const { payload } = await connection.until('a PING', isPing);
  acknowledge(connection, payload);
  await delay(long);
  assert.equal(open, 1);
  assert.equal(connection.frames.filter(isPing).length, 1);
  connection.socket.destroy();
  await eventually('the end of the request', () => open === 0);
});

test('a client with a closed window keeps its request as long as it answers', async () => {
  const connection = await connectFrames(port, authority.certificate);
  connection.send(settingsFrame([4, 0]));
  connection.head(1, get('/some'));
  answerPings(connection);
  await connection.until('a PING', isPing);
  await delay(long);
  assert.equal(open, 1);
  connection.socket.destroy();
  await eventually('the end of the request', () => open === 0);
});

test('the proxy closes the connection of a client that answers no PING, even if its request is quiet', async () => {
  const connection = await ask('/quiet');
  await connection.closed();
  assert.equal(connection.frames.filter(isPing).length, 1);
  await eventually('the end of the request', () => open === 0);
});

test('a client keeps its request on a connection that accepts no more requests, as long as it answers', async () => {
  const [one, other] = [await ask('/quiet'), await ask('/quiet')];
  server.closeIdleConnections();
  await one.until('GOAWAY', ({ type }) => type === frameTypes.goaway);
  const { payload } = await one.until('a PING', isPing);
  acknowledge(one, payload);
  await other.closed();
  await delay(long);
  assert.equal(open, 1);
  one.socket.destroy();
  await eventually('the end of the request', () => open === 0);
});

test('a request that crosses a GOAWAY is not started, and its client gets an error that says so', async () => {
  const connection = await ask('/quiet');
  // The request is read in the turn in which the connection stops accepting requests.
  connection.head(3, get('/some'));
  setTimeout(() => server.closeIdleConnections(), 0);
  const { payload } = await connection.until('GOAWAY', ({ type }) => type === frameTypes.goaway);
  const last = payload.readUInt32BE(0);
  const isAnswered = () =>
    connection.frames.some(({ type, stream }) => type === frameTypes.headers && stream === 3);
  if (last === 3) await eventually('the answer', isAnswered);
  else assert.deepEqual([last, open, isAnswered()], [1, 1, false]);
  connection.socket.destroy();
  await eventually('the end of the request', () => open === 0);
});

test('a client that sends GOAWAY gets its pending answers, and then the end of its connection', async () => {
  const connection = await ask('/some');
  connection.send(frame(frameTypes.goaway, 0, 0, Buffer.alloc(8)));
  await connection.until('GOAWAY', ({ type }) => type === frameTypes.goaway);
  assert.equal(open, 1);
  connection.send(frame(frameTypes.rstStream, 0, 1, uint32(8)));
  await connection.closed();
  assert.equal(open, 0);
});

test('the proxy closes a connection that has ended even if its client keeps it open', async () => {
  const connection = await askForMuch();
  connection.send(frame(frameTypes.data, 0, 0, Buffer.from('an error of the connection')));
  await eventually('the end of the request', () => open === 0);
  const connections = () =>
    new Promise<number>((resolve, reject) =>
      listener.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  await eventually('the end of the connection', async () => (await connections()) === 0);
  connection.socket.destroy();
});

test('an upload whose reader is slow arrives whole', async () => {
  const session = await connectHttp2(port, authority.certificate);
  const headers = { ':method': 'POST' };
  void askOnce(session, '/slow', { headers, body: Buffer.alloc(2_000_000) });
  await eventually('all bytes', () => uploaded === 2_000_000);
  session.destroy();
  await eventually('the end of the request', () => open === 0);
});

/** The part of an answer that has come, which does not end its stream. */
function partOf({ frames }: FrameConnection): string {
  const parts = frames.filter(({ type }) => type === frameTypes.data);
  assert.ok(parts.every(part => (part.flags & flags.endStream) === 0));
  return Buffer.concat(parts.map(({ payload }) => payload)).toString();
}

test('an answer that is cut resets its stream after its bytes, whatever its window is and whether the body of its request is complete', async () => {
  for (const [path, text] of [
    ['/cut-of-known-length', 'part'],
    ['/cut-of-unknown-length', 'part'],
    ['/cut-without-bytes', ''],
  ] as const) {
    for (const [method, window] of [
      ['GET', 65_535],
      ['GET', 2],
      ['POST', 0],
      ['POST', 65_535],
    ] as const) {
      const connection = await connectFrames(port, authority.certificate);
      answerPings(connection);
      connection.send(settingsFrame([4, window]));
      connection.head(1, [[':method', method], ...get(path).slice(1)], method === 'GET');
      await connection.until('the head', ({ type }) => type === frameTypes.headers);
      if (text.length > window) {
        // The window grows by exactly as many bytes as are needed, and then by one, because an empty frame is not sent with a window of 0.
        connection.send(frame(frameTypes.windowUpdate, 0, 1, uint32(text.length - window)));
        await connection.until('the last byte', () => partOf(connection).length === text.length);
        connection.send(frame(frameTypes.windowUpdate, 0, 1, uint32(1)));
      }
      const { payload } = await connection.until('the reset', ({ type }) => type === frameTypes.rstStream);
      assert.deepEqual([payload.readUInt32BE(0), partOf(connection)], [2, text], `${method} ${path}`);
      connection.socket.destroy();
    }
  }
  await eventually('the end of the requests', () => open === 0);
});

test('connections that are being cut may be asked to end', async () => {
  const connection = await ask('/quiet');
  server.closeAllConnections();
  server.closeIdleConnections();
  await connection.closed();
  await eventually('the end of the request', () => open === 0);
});
