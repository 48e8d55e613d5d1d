import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { clientRequests } from '../../../e2e/leg.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { eventually, until } from '../../../support/eventually.js';
import { residentBytes } from '../../../support/proxy/process-state.js';
import { startStack } from '../../../support/proxy/stack.js';
import {
  connectFrames,
  type FrameConnection,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
} from '../../../support/upstreams/http2-frames.js';

const whole = flags.endHeaders + flags.endStream;
const [cancel, protocolError] = [8, 1];

const { server, proxy, port, ca } = await startStack({ after }, { tls: true });
const piece = Buffer.alloc(62_500, 'x');
server.intercept((request, response) => {
  // 4 MB, and no more than the program reads.
  if (request.url === '/large') Readable.from(Array.from({ length: 64 }, () => piece)).pipe(response);
  return request.url === '/never' || request.url === '/large';
});
function connect(options?: { preface?: boolean }): Promise<FrameConnection> {
  return connectFrames(port, ca, options);
}

/** Asserts that the program still serves other clients. */
async function assertServing(): Promise<void> {
  const session = await connectHttp2(port, ca);
  assert.equal((await ask(session, '/version')).status, 200);
  session.destroy();
}

function isReset(code: number): (frame: { type: number; payload: Buffer }) => boolean {
  return ({ type, payload }) => type === frameTypes.rstStream && payload.readUInt32BE(0) === code;
}

function reset(stream: number, code = cancel): Buffer {
  return frame(frameTypes.rstStream, 0, stream, Buffer.from([0, 0, 0, code]));
}

function request(stream: number, path: string): Buffer {
  return frame(frameTypes.headers, whole, stream, headerBlock(get(path)));
}

/** One head as HEADERS and as many CONTINUATION frames as it needs. */
function longHead(fields: readonly (readonly [string, string])[], size = 16_000): Buffer {
  const block = headerBlock([...get('/version'), ...fields]);
  const frames: Buffer[] = [];
  for (let from = 0; from < block.length; from += size) {
    const last = from + size >= block.length ? flags.endHeaders : 0;
    const part = block.subarray(from, from + size);
    frames.push(
      from === 0
        ? frame(frameTypes.headers, flags.endStream + last, 1, part)
        : frame(frameTypes.continuation, last, 1, part),
    );
  }
  return Buffer.concat(frames);
}

async function metric(name: string): Promise<number> {
  // Each on its own connection: one that is idle for long is ended.
  const session = await connectHttp2(port, ca);
  const { text } = await ask(session, '/-/metrics');
  session.destroy();
  const line = text.split('\n').find(candidate => candidate.startsWith(name));
  return Number(line?.split(' ').at(-1));
}

/** Waits until this number of requests is in flight. */
function untilInFlight(count: number): Promise<void> {
  const isSo = async () => (await metric('kube_api_proxy_inflight_requests')) === count;
  return eventually(`${count} requests in flight`, isSo);
}

describe('resets of streams', () => {
  test('in a burst of thousands hardly reach the API server, and end the connection', async () => {
    const connection = await connect();
    const before = server.requests.length;
    const parts: Buffer[] = [];
    for (let stream = 1; stream < 10_000; stream += 2) parts.push(request(stream, '/never'), reset(stream));
    connection.send(...parts);
    await connection.closed();
    await untilInFlight(0);
    // A request after the burst reaches the API server after all requests of the burst.
    await assertServing();
    assert.ok(server.requests.length - before <= 600);
    assert.ok((await metric('kube_api_proxy_http2_abuses_total{reason="resets"}')) >= 1);
  });
});

describe('request heads', () => {
  test('of 100 KB are accepted', async () => {
    const connection = await connect();
    connection.send(longHead(Array.from({ length: 4 }, (_, index) => [`x-${index}`, 'y'.repeat(25_000)])));
    await connection.until('the answer', ({ type }) => type === frameTypes.headers);
    connection.socket.destroy();
  });

  const bombs: [string, Buffer][] = [
    [
      'of more than 128 KB',
      longHead(
        Array.from({ length: 700 }, (_, index) => [`x-${index}`, 'y'.repeat(200)]),
        16_384,
      ),
    ],
    ['of 3,000 fields', longHead(Array.from({ length: 3_000 }, () => ['x', 'y']))],
    ['of 10,000 references to one large field', indexedBomb(10_000)],
    ['of 500 references to one large field, which are 2 MB', indexedBomb(500)],
  ];
  for (const [what, bomb] of bombs) {
    test(`${what} are rejected`, async () => {
      const connection = await connect();
      const memory = await residentBytes(proxy.pid);
      connection.send(bomb);
      const { type, payload } = await connection.until(
        'a reset, the end or an answer',
        frame => frame.type !== frameTypes.settings && frame.type !== frameTypes.windowUpdate,
      );
      // :status 431 as a literal with an indexed name.
      if (type === frameTypes.headers) assert.match(payload.toString('latin1'), /431|\x48\x82\x68/);
      else assert.ok(type === frameTypes.rstStream || type === frameTypes.goaway, String(type));
      assert.ok((await residentBytes(proxy.pid)) < memory + 50e6);
      connection.socket.destroy();
    });
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
});

const malformed: Record<string, readonly (readonly [string, string])[]> = {
  Connection: [...get('/version'), ['connection', 'x-secret']],
  'Keep-Alive': [...get('/version'), ['keep-alive', 'timeout=5']],
  'Transfer-Encoding': [...get('/version'), ['transfer-encoding', 'chunked']],
  Upgrade: [...get('/version'), ['upgrade', 'websocket']],
  'TE other than trailers': [...get('/version'), ['te', 'gzip']],
  'a pseudo-header field behind others': [...get('/version'), ['x', 'y'], [':path', '/api']],
  'two paths': [...get('/version'), [':path', '/api']],
  'an extended CONNECT': [[':method', 'CONNECT'], ...get('/version').slice(1), [':protocol', 'websocket']],
  'two lengths': [...get('/version'), ['content-length', '0'], ['content-length', '5']],
  'a line break in its path': get('/version HTTP/1.1\r\nHost: evil\r\n\r\nGET /evil'),
  'a space in its path': get('/version HTTP/1.1'),
  'a line break in its method': [[':method', 'GET /evil HTTP/1.1\r\nX:'], ...get('/version').slice(1)],
  'no path': get('/version').slice(0, 3),
};
for (const [what, fields] of Object.entries(malformed)) {
  test(`a request with ${what} is reset and does not reach the API server`, async () => {
    const connection = await connect();
    const before = clientRequests(server).length;
    connection.head(1, fields);
    await connection.until('the reset', isReset(protocolError));
    assert.equal(clientRequests(server).length, before);
    connection.socket.destroy();
  });
}

test('a field with a line break, a NUL, or an invalid name is rejected', async () => {
  const fields: [string, string][] = [
    ['x-a', 'a\r\nx-smuggled: 1'],
    ['x-b', 'a\nx-smuggled: 1'],
    ['x-c', 'a\u0000b'],
    ['x-d: 1\r\nx-smuggled', '1'],
    ['x e', '1'],
    ['x:f', '1'],
  ];
  for (const field of fields) {
    const connection = await connect();
    const path = `/version?${encodeURIComponent(field[0])}`;
    connection.head(1, [...get(path), field]);
    await connection.until(
      'an answer or a reset',
      ({ type, stream }) => stream === 1 && (type === frameTypes.headers || type === frameTypes.rstStream),
    );
    for (const { rawUrl, headers } of server.requests) {
      if (rawUrl !== path) continue;
      const names = Object.keys(headers).filter(
        name => name.startsWith('x') && !/^x-(forwarded-for|request-id)$/.test(name),
      );
      assert.deepEqual(names, []);
    }
    connection.socket.destroy();
  }
});

test('a body that is longer or shorter than its Content-Length ends its stream, or with newer versions of Node its connection', async () => {
  for (const body of ['123', '123456789']) {
    const connection = await connect();
    const fields = [
      [':method', 'POST'] as const,
      ...get('/never').slice(1),
      ['content-length', '5'] as const,
    ];
    connection.head(1, fields, false);
    connection.send(frame(frameTypes.data, flags.endStream, 1, Buffer.from(body)));
    await connection.until('the reset', isReset(protocolError)).catch(() => connection.closed());
    connection.socket.destroy();
    await untilInFlight(0);
  }
  await assertServing();
});

test('a client with a closed window stops only its own streams, in limited memory, which is freed at its end', async () => {
  const memory = await residentBytes(proxy.pid);
  const connection = await connect({ preface: false });
  const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]);
  connection.send(
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(frameTypes.settings, 0, 0, noWindow),
  );
  for (let stream = 1; stream < 200; stream += 2) connection.send(request(stream, '/large'));
  const heads = () => connection.frames.filter(({ type }) => type === frameTypes.headers).length;
  await until(() => heads() >= 100);
  assert.equal(heads(), 100);
  assert.ok(!connection.frames.some(({ type, payload }) => type === frameTypes.data && payload.length > 0));
  const held = (await residentBytes(proxy.pid)) - memory;
  assert.ok(held < 150e6, `${held} bytes are held for 400 MB of answers`);
  await assertServing();
  connection.socket.destroy();
  await untilInFlight(0);
});
