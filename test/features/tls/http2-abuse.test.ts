import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { eventually, until } from '../../support/eventually.js';
import { plain } from '../../support/upstreams/hpack.js';
import {
  connectFrames,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
  uint32,
} from '../../support/upstreams/http2-frames.js';
import { overHttp2, startSecureServer } from './secure-server.js';

const whole = flags.endHeaders + flags.endStream;
const [cancel, refusedStream, protocolError] = [8, 7, 1];

/** All requests so far, and the open ones. */
let [requests, open] = [0, 0];
/** The fields of the last request. */
let lastFields: readonly string[] = [];
const { port, ca, abuses } = await startSecureServer({ after }, ({ url, rawHeaders }, response) => {
  requests += 1;
  lastFields = rawHeaders;
  open += 1;
  // Node emits no `close` of the answer to a HEAD request that was reset without an error.
  overHttp2(response).stream.once('close', () => {
    open -= 1;
  });
  if (url === '/version') response.setHeader('Content-Length', 6);
  if (url !== '/never') response.end('answer');
});
const connect = () => connectFrames(port, ca);

/** The server still serves other clients. */
afterEach(async () => {
  const session = await connectHttp2(port, ca);
  assert.equal((await ask(session, '/version')).status, 200);
  session.destroy();
});

type Fields = readonly (readonly [string, string])[];
const never = get('/never');
const post: Fields = [[':method', 'POST'], ...never.slice(1)];
const reset = (stream: number, code = cancel) => frame(frameTypes.rstStream, 0, stream, uint32(code));
const request = (stream: number, fields: Fields = never) =>
  frame(frameTypes.headers, whole, stream, headerBlock(fields));
const isReset =
  (code: number) =>
  ({ type, payload }: { type: number; payload: Buffer }) =>
    type === frameTypes.rstStream && payload.readUInt32BE(0) === code;

describe('resets of streams', () => {
  it('in a burst of thousands end the connection, and hardly any of its requests begins', async () => {
    const connection = await connect();
    const [before, known] = [requests, abuses.length];
    const parts: Buffer[] = [];
    for (let stream = 1; stream < 10_000; stream += 2) parts.push(request(stream), reset(stream));
    connection.send(...parts);
    await connection.closed();
    await eventually('the end of all', () => open === 0);
    assert.ok(requests - before <= 600, `${requests - before}`);
    assert.deepEqual(abuses.slice(known), ['resets']);
  });

  it('in thousands in one read are counted before all of it is read', async () => {
    const connection = await connect();
    const [before, known] = [requests, abuses.length];
    // The fields that are not in the static table are sent once, and are one byte each after.
    const first = Buffer.concat([
      Buffer.from('828741', 'hex'),
      plain('localhost'),
      Buffer.from([0x44]),
      plain('/never'),
    ]);
    const parts = [frame(frameTypes.headers, whole, 1, first), reset(1)];
    for (let stream = 3; stream < 4_000; stream += 2)
      parts.push(frame(frameTypes.headers, whole, stream, Buffer.from('8287bebf', 'hex')), reset(stream));
    connection.send(...parts);
    await connection.closed();
    await eventually('the end of all', () => open === 0);
    assert.ok(requests - before > 1, 'the heads can be read');
    assert.ok(requests - before <= 250 + 500, `${requests - before}`);
    assert.deepEqual(abuses.slice(known), ['resets']);
  });

  for (const [what, fields, after] of [
    // With NO_ERROR, which node:http2 does not treat as an error.
    ['one after the other', never, (stream: number) => reset(stream, stream % 4 === 1 ? cancel : 0)],
    ['of HEAD requests', [[':method', 'HEAD'], ...never.slice(1)], (stream: number) => reset(stream, 0)],
  ] as readonly (readonly [string, Fields, (stream: number) => Buffer])[])
    it(`${what}, each after its request has begun, end the connection above a rate`, async () => {
      const connection = await connect();
      const [before, known] = [requests, abuses.length];
      for (let stream = 1; stream < 4_000 && !connection.socket.destroyed; stream += 2) {
        connection.head(stream, fields);
        await delay(1);
        connection.send(after(stream));
      }
      await connection.closed();
      // A server that is slower than its client ends the connection late, but begins no more of its requests.
      assert.ok(requests - before < 1_500, `${requests - before} requests have begun`);
      assert.deepEqual(abuses.slice(known), ['resets']);
    });

  it('are no way past the limit if the client causes them at the server: the connection ends at once', async () => {
    const connection = await connect();
    const before = requests;
    for (let stream = 1; stream < 4_000 && !connection.socket.destroyed; stream += 2) {
      connection.send(request(stream), frame(frameTypes.windowUpdate, 0, stream, uint32(2 ** 31 - 1)));
      await delay(1);
    }
    await connection.closed();
    assert.ok(requests - before < 1_500, `${requests - before} requests have begun`);
  });

  it('of all the streams that a client may have, as when a page is closed, do no harm', async () => {
    const connection = await connect();
    for (let first = 1; first < 800; first += 400) {
      for (let stream = first; stream < first + 400; stream += 2) connection.send(request(stream));
      await eventually('all requests', () => open === 200);
      for (let stream = first; stream < first + 400; stream += 2) connection.send(reset(stream));
      await eventually('the end of all', () => open === 0);
    }
    connection.send(request(1_001, get('/version')));
    await connection.until(
      'the answer',
      ({ type, stream }) => type === frameTypes.headers && stream === 1_001,
    );
    connection.socket.destroy();
  });
});

it('streams above 250 are refused, and a client that continues loses its connection', async () => {
  const connection = await connect();
  const settings = await connection.until('SETTINGS', ({ type }) => type === frameTypes.settings);
  assert.ok(settings.payload.toString('hex').includes('0003000000fa'), 'it is said beforehand');
  for (let stream = 1; stream < 600; stream += 2) connection.send(request(stream));
  await connection.until('REFUSED_STREAM', isReset(refusedStream));
  assert.ok(open <= 250);
  for (let stream = 601; stream < 8_000; stream += 2) connection.send(request(stream));
  await connection.closed();
});

describe('a connection is ended by', () => {
  const repeated = (count: number, each: Buffer) => Buffer.concat(Array.from({ length: count }, () => each));
  const begin = frame(frameTypes.headers, flags.endStream, 1, headerBlock(get('/version')));
  for (const [what, bytes] of Object.entries({
    'a flood of PING frames': repeated(5_000, frame(frameTypes.ping, 0, 0, Buffer.alloc(8))),
    'a flood of SETTINGS frames': repeated(5_000, frame(frameTypes.settings, 0, 0)),
    'a flood of empty DATA frames': Buffer.concat([
      frame(frameTypes.headers, flags.endHeaders, 1, headerBlock(post)),
      repeated(5_000, frame(frameTypes.data, 0, 1)),
    ]),
    'a head that never ends': Buffer.concat([
      begin,
      repeated(1_000, frame(frameTypes.continuation, 0, 1, headerBlock([['x', 'y']]))),
    ]),
    'an empty head that never ends': Buffer.concat([
      begin,
      repeated(1_000, frame(frameTypes.continuation, 0, 1)),
    ]),
  }))
    it(what, async () => {
      const connection = await connect();
      const known = abuses.length;
      connection.send(bytes);
      await connection.closed();
      assert.deepEqual(abuses.slice(known), /PING|SETTINGS/.test(what) ? ['controls'] : []);
    });

  it('thousands of malformed heads, each of which is reset', async () => {
    const connection = await connect();
    connection.head(1, [...get('/version'), ['X-Upper', 'case']]);
    await connection.until('the reset', isReset(protocolError));
    for (let stream = 3; stream < 5_000; stream += 2)
      connection.head(stream, [...get('/version'), ['Upper', 'x']]);
    await connection.closed();
  });
});

it('PING frames at the rate of a client that checks its connection are answered', async () => {
  const connection = await connect();
  for (let count = 0; count < 50; count++) {
    connection.send(frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
    await delay(10);
  }
  await until(() => connection.frames.filter(({ type }) => type === frameTypes.ping).length === 50);
  connection.socket.destroy();
});

it('the rest of a body is refused after the whole answer, of a known length or not', async () => {
  for (const path of ['/version', '/chunked']) {
    const connection = await connect();
    connection.head(1, [[':method', 'POST'], ...get(path).slice(1)], false);
    await connection.until('the end of the stream', isReset(0));
    connection.socket.destroy();
  }
});

describe('a request head', () => {
  /** As HEADERS and as many CONTINUATION frames as it needs. */
  function longHead(fields: Fields): Buffer {
    const block = headerBlock([...get('/version'), ...fields]);
    const frames: Buffer[] = [];
    for (let from = 0; from < block.length; from += 16_384) {
      const [type, end] = from === 0 ? [frameTypes.headers, flags.endStream] : [frameTypes.continuation, 0];
      const last = from + 16_384 >= block.length ? flags.endHeaders : 0;
      frames.push(frame(type, end + last, 1, block.subarray(from, from + 16_384)));
    }
    return Buffer.concat(frames);
  }

  /** A field of 3.9 KB for the dynamic table, and one byte for each repetition. */
  function indexedBomb(references: number): Buffer {
    const value = Buffer.alloc(3_900, 'v');
    const left = value.length - 127;
    const length = Buffer.from([127, (left % 128) + 128, Math.floor(left / 128)]);
    const field = Buffer.concat([Buffer.from([0x40, 3]), Buffer.from('x-b'), length, value]);
    const block = Buffer.concat([headerBlock(get('/version')), field, Buffer.alloc(references, 0xbe)]);
    return frame(frameTypes.headers, whole, 1, block);
  }

  const fields = (count: number, length: number): Fields =>
    Array.from({ length: count }, (_, index) => [`x-${index}`, 'y'.repeat(length)]);
  for (const [what, bytes, isAccepted] of [
    ['of 100 KB', longHead(fields(4, 25_000)), true],
    ['of more than 128 KB', longHead(fields(700, 200)), false],
    ['of 3,000 fields', longHead(Array.from({ length: 3_000 }, () => ['x', 'y'])), false],
    ['of 10,000 references to one large field', indexedBomb(10_000), false],
    ['of 500 references to one large field, which are 2 MB', indexedBomb(500), false],
  ] as const)
    it(`${what} is ${isAccepted ? 'accepted' : 'rejected, in limited memory'}`, async () => {
      const connection = await connect();
      const [before, memory] = [requests, process.memoryUsage.rss()];
      connection.send(bytes);
      const { type } = await connection.until(
        'a reset, the end or an answer',
        ({ type }) => type !== frameTypes.settings && type !== frameTypes.windowUpdate,
      );
      assert.ok(
        [frameTypes.headers, frameTypes.rstStream, frameTypes.goaway].includes(type as never),
        `${type}`,
      );
      assert.equal(requests - before, isAccepted ? 1 : 0);
      assert.ok(process.memoryUsage.rss() < memory + 50e6);
      connection.socket.destroy();
    });

  const version = get('/version');
  for (const [what, malformed] of Object.entries<Fields>({
    Connection: [...version, ['connection', 'x-secret']],
    'Keep-Alive': [...version, ['keep-alive', 'timeout=5']],
    'Transfer-Encoding': [...version, ['transfer-encoding', 'chunked']],
    Upgrade: [...version, ['upgrade', 'websocket']],
    'TE other than trailers': [...version, ['te', 'gzip']],
    'a pseudo-header field behind others': [...version, ['x', 'y'], [':path', '/api']],
    'two paths': [...version, [':path', '/api']],
    'an extended CONNECT': [[':method', 'CONNECT'], ...version.slice(1), [':protocol', 'websocket']],
    'two lengths': [...version, ['content-length', '0'], ['content-length', '5']],
    'a line break in its path': get('/version HTTP/1.1\r\nHost: evil\r\n\r\nGET /evil'),
    'a space in its path': get('/version HTTP/1.1'),
    'a line break in its method': [[':method', 'GET /evil HTTP/1.1\r\nX:'], ...version.slice(1)],
    'no path': version.slice(0, 3),
  }))
    it(`with ${what} is reset, and its request does not begin`, async () => {
      const connection = await connect();
      const before = requests;
      connection.head(1, malformed);
      await connection.until('the reset', isReset(protocolError));
      assert.equal(requests, before);
      connection.socket.destroy();
    });

  it('has no field with a line break, a NUL, or an invalid name', async () => {
    for (const field of [
      ['x-a', 'a\r\nx-smuggled: 1'],
      ['x-b', 'a\nx-smuggled: 1'],
      ['x-c', 'a\u0000b'],
      ['x-d: 1\r\nx-smuggled', '1'],
      ['x e', '1'],
      ['x:f', '1'],
    ] as const) {
      const connection = await connect();
      lastFields = [];
      connection.head(1, [...version, field]);
      await connection.until(
        'an answer or a reset',
        ({ type, stream }) => stream === 1 && (type === frameTypes.headers || type === frameTypes.rstStream),
      );
      assert.deepEqual(
        lastFields.filter(text => /x/.test(text)),
        [],
      );
      connection.socket.destroy();
    }
  });
});

it('a body that is longer or shorter than its Content-Length ends its stream, or with newer versions of Node its connection', async () => {
  for (const body of ['123', '123456789']) {
    const connection = await connect();
    connection.head(1, [...post, ['content-length', '5']], false);
    connection.send(frame(frameTypes.data, flags.endStream, 1, Buffer.from(body)));
    await connection.until('the reset', isReset(protocolError)).catch(() => connection.closed());
    connection.socket.destroy();
    await eventually('the end of the request', () => open === 0);
  }
});
