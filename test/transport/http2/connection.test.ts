import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Deferred } from '../../../src/lib/promises.js';
import { Http2Connection } from '../../../src/transport/http2/connection.js';
import type { Http2Stream } from '../../../src/transport/http2/stream.js';
import { until } from '../../support/eventually.js';
import { createRandom } from '../../support/random.js';
import { sendOn } from '../../support/transport/recorded-response.js';
import {
  type FrameServerOptions,
  fieldsOf,
  type ServedConnection,
  startFrameServer,
} from '../../support/upstreams/http2-frame-server.js';
import {
  flags,
  frame,
  frameTypes,
  headerBlock,
  settingsFrame,
  uint32,
} from '../../support/upstreams/http2-frames.js';
import { dialPlain } from './http2-dial.js';

const { data, headers, rstStream, settings, ping, goaway, windowUpdate, continuation } = frameTypes;
const refusedStream = 7;
const cancelled = 8;
const ok = [[':status', '200']] as const;
const streamWindow = 256 * 1024;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Pair {
  readonly connection: Http2Connection;
  readonly peer: ServedConnection;
  /** Whether it takes streams; rejects with its error if it ends before that is known. */
  readonly settled: Promise<boolean>;
  /** How often the connection has reported its end. */
  ended(): number;
}

async function connect(options?: FrameServerOptions): Promise<Pair> {
  const server = await startFrameServer(options);
  let ended = 0;
  const settled = new Deferred<boolean>();
  settled.promise.catch(() => {});
  const connection = new Http2Connection(dialPlain(server.port), {
    settled: (_connection, takesStreams) => settled.resolve(takesStreams),
    ended: (_connection, error) => {
      ended += 1;
      settled.reject(error);
    },
  });
  ends.push(
    () => connection.destroy(),
    () => server.close(),
  );
  return { connection, peer: await server.peer(), settled: settled.promise, ended: () => ended };
}

/** A connection that has received SETTINGS. */
async function ready(options?: FrameServerOptions): Promise<Pair> {
  const pair = await connect(options);
  assert.ok(await pair.settled);
  return pair;
}

function openOn(connection: Http2Connection): Http2Stream {
  const stream = connection.open();
  assert.ok(stream !== undefined, 'there is room');
  return stream;
}

/** Waits until the connection has handled everything that its peer has sent. */
async function settle(
  { peer }: Pair,
  mark = Buffer.from(`${Math.random()}`.slice(2, 10).padEnd(8)),
): Promise<void> {
  peer.send(frame(ping, 0, 0, mark));
  await peer.until('the answer to a PING', each => each.type === ping && each.payload.equals(mark));
}

/** An exchange whose request has been received. */
async function asked({ connection, peer }: Pair, path = '/') {
  const stream = openOn(connection);
  const exchange = sendOn(stream, path);
  return { stream, exchange, id: await peer.request(path) };
}

/** An exchange whose answer has begun. */
async function begun(pair: Pair, path = '/') {
  const sent = await asked(pair, path);
  pair.peer.head(sent.id, ok, false);
  await sent.exchange.begun;
  return sent;
}

/** The sum of the window updates that a peer has received for a stream, or for the connection. */
function updatesOf({ peer }: Pair, stream: number): number {
  return peer.of(windowUpdate, stream).reduce((sum, each) => sum + each.payload.readUInt32BE(), 0);
}

describe('an HTTP/2 connection', () => {
  it('sends its preface, acknowledges SETTINGS, and sends a request in one frame', async () => {
    const { connection, peer } = await ready();
    sendOn(openOn(connection), '/api?watch=1', { headers: ['X-Mixed-Case', 'Value', 'Cookie', 'a'] });
    const id = await peer.request('/api?watch=1');
    assert.equal(id, 1);
    const [first, second] = peer.frames;
    assert.deepEqual([first?.type, second?.type], [settings, windowUpdate]);
    assert.deepEqual(
      peer.of(settings).map(each => [each.flags, each.payload]),
      [
        // No dynamic table, no push, the window of a stream, and the largest head.
        [0, settingsFrame([1, 0], [2, 0], [4, streamWindow], [6, 1 << 20]).subarray(9)],
        [flags.ack, Buffer.alloc(0)],
      ],
    );
    assert.deepEqual([second?.stream, second?.payload], [0, uint32(16 * 1024 * 1024 - 65_535)]);
    const [request] = peer.of(headers);
    assert.ok(request !== undefined);
    assert.equal(request.flags, flags.endHeaders | flags.endStream);
    assert.deepEqual(fieldsOf(request), [
      ...[':method', 'GET', ':scheme', 'https', ':authority', 'api', ':path', '/api?watch=1'],
      ...['x-mixed-case', 'Value', 'cookie', 'a'],
    ]);
  });

  it('sends a head that is larger than a frame with CONTINUATION frames', async () => {
    const { connection, peer } = await ready();
    sendOn(openOn(connection), '/', { headers: ['X', 'y'.repeat(40_000)] });
    await peer.until(
      'the end of the head',
      each => each.type === continuation && each.flags === flags.endHeaders,
    );
    const parts = peer.frames.filter(each => each.stream === 1);
    assert.deepEqual(
      parts.map(each => [each.type, each.flags]),
      [
        [headers, flags.endStream],
        [continuation, 0],
        [continuation, flags.endHeaders],
      ],
    );
    assert.ok(parts.every(each => each.payload.length <= 16_384));
  });

  it('ends if an API server does not read the frames that it causes', async () => {
    const pair = await ready();
    const { peer, ended } = pair;
    const { exchange } = await begun(pair);
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => frame(ping, 0, 0, Buffer.alloc(8))));
    for (let count = 0; count < 100 && ended() === 0; count++) {
      peer.send(pings);
      await sleep(5);
    }
    assert.equal((await exchange.over).failure?.code, 'MALFORMED_HTTP2');
  });
});

describe('the end of an HTTP/2 connection', () => {
  /** Frames that no API server may send while stream 1 is open. */
  const violations: Readonly<Record<string, Buffer>> = {
    'DATA on stream 0': frame(data, 0, 0, Buffer.from('x')),
    'DATA on a stream that never began': frame(data, 0, 3, Buffer.from('x')),
    'DATA on an even stream': frame(data, 0, 2, Buffer.from('x')),
    'DATA without room for its padding': frame(data, flags.padded, 1, Buffer.from([5, 1])),
    'DATA without the length of its padding': frame(data, flags.padded, 1),
    'HEADERS on stream 0': frame(headers, flags.endHeaders, 0, headerBlock(ok)),
    'HEADERS on a stream that never began': frame(headers, flags.endHeaders, 5, headerBlock(ok)),
    'HEADERS on an even stream': frame(headers, flags.endHeaders, 4, headerBlock(ok)),
    'an invalid header block': frame(headers, flags.endHeaders, 1, Buffer.from([0xff, 0xff])),
    'a PUSH_PROMISE': frame(
      frameTypes.pushPromise,
      flags.endHeaders,
      1,
      Buffer.concat([uint32(2), headerBlock(ok)]),
    ),
    'RST_STREAM of a stream that never began': frame(rstStream, 0, 3, uint32(8)),
    'RST_STREAM of stream 0': frame(rstStream, 0, 0, uint32(8)),
    'RST_STREAM of a wrong length': frame(rstStream, 0, 1, Buffer.alloc(5)),
    'PING on a stream': frame(ping, 0, 1, Buffer.alloc(8)),
    'PING of a wrong length': frame(ping, 0, 0, Buffer.alloc(7)),
    'SETTINGS on a stream': frame(settings, 0, 1),
    'SETTINGS of a wrong length': frame(settings, 0, 0, Buffer.alloc(5)),
    'an acknowledgement of SETTINGS with content': frame(settings, flags.ack, 0, Buffer.alloc(6)),
    'GOAWAY on a stream': frame(goaway, 0, 1, Buffer.alloc(8)),
    'GOAWAY that is too short': frame(goaway, 0, 0, Buffer.alloc(7)),
    'PRIORITY of stream 0': frame(frameTypes.priority, 0, 0, Buffer.alloc(5)),
    'PRIORITY of a wrong length': frame(frameTypes.priority, 0, 1, Buffer.alloc(4)),
    'WINDOW_UPDATE of a wrong length': frame(windowUpdate, 0, 1, Buffer.alloc(5)),
    'a frame inside a head': Buffer.concat([
      frame(headers, 0, 1, headerBlock(ok)),
      frame(ping, 0, 0, Buffer.alloc(8)),
    ]),
  };
  for (const [what, bytes] of Object.entries(violations)) {
    it(`follows ${what}`, async () => {
      const pair = await ready();
      const { connection, peer, ended } = pair;
      const { exchange } = await asked(pair);
      peer.send(bytes);
      assert.equal((await exchange.over).failure?.code, 'MALFORMED_HTTP2');
      await peer.closed();
      assert.equal(ended(), 1);
      assert.equal(peer.of(goaway).length, 1);
      assert.notEqual(peer.of(goaway)[0]?.payload.readUInt32BE(4), 0);
      assert.ok(connection.isIdle && !connection.hasRoom);
    });
  }

  for (const [what, bytes] of Object.entries({
    'a PING before SETTINGS': frame(ping, 0, 0, Buffer.alloc(8)),
    'GOAWAY before SETTINGS': frame(goaway, 0, 0, Buffer.alloc(8)),
    'HTTP/1.1': Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  })) {
    it(`follows ${what}`, async () => {
      const { peer, settled, ended } = await connect({ settings: undefined });
      peer.send(bytes);
      await assert.rejects(settled, { code: 'MALFORMED_HTTP2' });
      assert.equal(ended(), 1);
    });
  }

  it('follows the end of the socket at any byte of an answer', async () => {
    const whole = Buffer.concat([
      frame(headers, flags.endHeaders, 1, headerBlock(ok)),
      frame(data, 0, 1, Buffer.from('abc')),
      frame(data, flags.endStream, 1, Buffer.from('d')),
    ]);
    for (let at = 0; at <= whole.length; at++) {
      const pair = await ready();
      const { connection, peer, ended } = pair;
      const { exchange } = await asked(pair);
      peer.send(whole.subarray(0, at));
      if (at % 2 === 0) peer.socket.end();
      else peer.socket.once('close', () => {}).destroySoon();
      await exchange.over;
      assert.equal(exchange.whole, at === whole.length, `${at} of ${whole.length}`);
      await until(() => ended() === 1);
      assert.ok(connection.isIdle && !connection.hasRoom);
    }
  });

  it('follows a reset of the socket', async () => {
    const pair = await ready();
    const { exchange } = await begun(pair);
    pair.peer.socket.resetAndDestroy();
    assert.equal((await exchange.over).failure?.code, 'ECONNRESET');
    assert.equal(pair.ended(), 1);
  });

  it('follows a PING without an answer after a quiet time', async () => {
    const pair = await ready();
    const { exchange } = await begun(pair);
    for (let count = 0; count < 7; count++) pair.connection.check();
    await pair.peer.until('the PING', each => each.type === ping);
    for (let count = 0; count < 2; count++) pair.connection.check();
    assert.equal(pair.ended(), 0);
    pair.connection.check();
    assert.equal((await exchange.over).failure?.code, 'ETIMEDOUT');
    assert.equal(pair.ended(), 1);
  });

  it('does not follow a quiet time if the peer answers the PING', async () => {
    const pair = await ready();
    const { exchange, id } = await begun(pair);
    for (let round = 1; round <= 3; round++) {
      for (let count = 0; count < 7; count++) pair.connection.check();
      await until(() => pair.peer.of(ping).length === round);
      pair.peer.send(frame(ping, flags.ack, 0, Buffer.alloc(8)));
      pair.peer.data(id, 'x');
      await until(() => exchange.text.length === round);
    }
    assert.equal(pair.ended(), 0);
  });

  it('follows a server that sends no SETTINGS', async () => {
    const { connection, settled, ended } = await connect({ settings: undefined });
    for (let count = 0; count < 9; count++) connection.check();
    assert.equal(ended(), 0);
    connection.check();
    await assert.rejects(settled, { code: 'ETIMEDOUT' });
  });
});

describe('a stream', () => {
  /** Faults of one answer: wrong frames after its HEADERS, or instead of them. */
  const wrong: Readonly<Record<string, (peer: ServedConnection, id: number) => void>> = {
    'DATA before a head': (peer, id) => peer.data(id, 'x'),
    'a second head': (peer, id) => {
      peer.head(id, ok, false);
      peer.head(id, ok, false);
    },
    'trailers that do not end it': (peer, id) => {
      peer.head(id, ok, false);
      peer.head(id, [['x', 'y']], false);
    },
    '101 Switching Protocols': (peer, id) => peer.head(id, [[':status', '101']], false),
    'an informational head that ends it': (peer, id) => peer.head(id, [[':status', '103']], true),
    'no status': (peer, id) => peer.head(id, [['x', 'y']], true),
    'a body longer than announced': (peer, id) => {
      peer.head(id, [...ok, ['content-length', '3']], false);
      peer.data(id, 'abcd', true);
    },
    'a body shorter than announced': (peer, id) => {
      peer.head(id, [...ok, ['content-length', '3']], false);
      peer.data(id, 'ab', true);
    },
    'a length and no body': (peer, id) => peer.head(id, [...ok, ['content-length', '3']], true),
    'a body of 204': (peer, id) => {
      peer.head(id, [[':status', '204']], false);
      peer.data(id, 'x', true);
    },
    'more than its window': (peer, id) => {
      peer.head(id, ok, false);
      peer.data(id, 'x');
      peer.data(id, Buffer.alloc(streamWindow));
    },
    'a head of more than 1 MB': (peer, id) => {
      const block = Buffer.alloc(32_768, 0x80 | 16);
      peer.send(
        frame(headers, 0, id, block.subarray(0, 16_384)),
        frame(continuation, flags.endHeaders, id, block.subarray(0, 16_384)),
      );
    },
  };
  for (const [what, sendWrong] of Object.entries(wrong)) {
    it(`fails without effect on others if it has ${what}`, async () => {
      const pair = await ready();
      const other = await begun(pair, '/other');
      const stream = openOn(pair.connection);
      const exchange = sendOn(stream, '/wrong');
      if (what === 'more than its window') exchange.onEvent = () => stream.pause();
      const id = await pair.peer.request('/wrong');
      sendWrong(pair.peer, id);
      await exchange.over;
      const code = what === 'a head of more than 1 MB' ? 'RESPONSE_HEADERS_TOO_LARGE' : 'MALFORMED_HTTP2';
      assert.equal(exchange.failure?.code, code);
      assert.equal(stream.isStale, false);
      await pair.peer.until('RST_STREAM', each => each.type === rstStream && each.stream === id);
      pair.peer.data(id, 'more', true);
      pair.peer.data(other.id, 'x', true);
      assert.ok((await other.exchange.over).whole);
      assert.ok(pair.connection.isIdle);
    });
  }

  for (const event of ['head', 'body', 'end'] as const) {
    it(`fails without effect on others if its exchange throws in the event ${event}`, async () => {
      const pair = await ready();
      const other = await begun(pair, '/other');
      const { exchange, id } = await asked(pair);
      exchange.onEvent = happened => {
        if (happened === event) throw Object.assign(new Error('no'), { code: 'ERR_INVALID_CHAR' });
      };
      pair.peer.head(id, ok, false);
      pair.peer.data(id, 'x', true);
      await exchange.over;
      if (event !== 'end') assert.equal(exchange.failure?.code, 'ERR_INVALID_CHAR');
      pair.peer.data(other.id, 'x', true);
      assert.ok((await other.exchange.over).whole);
      assert.ok(pair.connection.isIdle);
    });
  }

  it('was not processed if the server refuses it before its head, and may have been after any other reset', async () => {
    const pair = await ready();
    for (const [code, hasBegun, stale] of [
      [refusedStream, false, true],
      [refusedStream, true, false],
      [cancelled, true, false],
      [0, true, false],
    ] as const) {
      const { stream, exchange, id } = await asked(pair, `/${code}-${hasBegun}`);
      if (hasBegun) pair.peer.head(id, ok, false);
      pair.peer.reset(id, code);
      await exchange.over;
      assert.deepEqual([exchange.failure?.code, stream.isStale], ['ECONNRESET', stale]);
    }
    assert.ok(pair.connection.isIdle);
    assert.equal(pair.peer.of(rstStream).length, 0);
  });

  it('is whole if a reset comes after its end', async () => {
    const pair = await ready();
    const { exchange, id } = await begun(pair);
    pair.peer.data(id, 'x', true);
    pair.peer.reset(id, 0);
    pair.peer.reset(id, cancelled);
    await settle(pair);
    assert.ok(exchange.whole);
  });

  it('is stale if an old connection breaks before the answer, but not with a new connection', async () => {
    for (const answered of [false, true]) {
      const pair = await ready();
      const first = openOn(pair.connection);
      const second = openOn(pair.connection);
      const exchanges = [sendOn(first, '/1'), sendOn(second, '/2')];
      const id = await pair.peer.request('/2');
      if (answered) pair.peer.head(id, [[':status', '103']], false);
      await settle(pair);
      pair.peer.socket.destroy();
      await Promise.all(exchanges.map(each => each.over));
      assert.deepEqual([first.isStale, second.isStale], [false, !answered]);
    }
  });

  it('is aborted with one RST_STREAM, and with none after its end', async () => {
    const pair = await ready();
    const one = await begun(pair, '/1');
    one.stream.abort();
    one.stream.abort();
    const other = await begun(pair, '/2');
    pair.peer.data(other.id, 'x', true);
    await other.exchange.over;
    other.stream.abort();
    openOn(pair.connection).abort();
    await settle(pair);
    assert.deepEqual(
      pair.peer.of(rstStream).map(each => [each.stream, each.payload.readUInt32BE()]),
      [[one.id, cancelled]],
    );
    assert.ok(one.exchange.failure === undefined && !one.exchange.whole);
    assert.ok(pair.connection.isIdle);
  });

  it('can be aborted from within every event', async () => {
    const pair = await ready();
    for (const event of ['head', 'body', 'end', 'error'] as const) {
      const { stream, exchange, id } = await asked(pair, `/${event}`);
      let happened = false;
      exchange.onEvent = each => {
        if (each !== event) return;
        happened = true;
        stream.abort();
      };
      pair.peer.head(id, [...ok, ['content-length', '2']], false);
      pair.peer.data(id, 'x');
      if (event === 'error') pair.peer.reset(id, 2);
      else pair.peer.data(id, 'y', true);
      await settle(pair);
      assert.ok(happened);
      assert.ok(pair.connection.isIdle);
    }
  });

  it('rejects a request with a body, and frees its stream', async () => {
    const { connection, peer } = await ready();
    const body = { start() {}, stop() {} };
    const stream = openOn(connection);
    assert.throws(() => sendOn(stream, '/', { body }), TypeError);
    stream.abort();
    assert.ok(connection.isIdle);
    assert.equal(peer.of(headers).length, 0);
  });
});

describe('flow control', () => {
  it('keeps at most a window of bytes for a stream that does not read, and other streams continue', async () => {
    const pair = await ready();
    const stalled = await begun(pair, '/stalled');
    const other = await begun(pair, '/other');
    stalled.stream.pause();
    const written = createRandom(5);
    const bytes = Buffer.from(Array.from({ length: streamWindow }, () => written.below(256)));
    pair.peer.data(stalled.id, bytes);
    const part = Buffer.alloc(100_000, 'other');
    for (let sent = 0; sent < 60; sent++) {
      await until(() => streamWindow + updatesOf(pair, other.id) - sent * part.length >= part.length);
      pair.peer.data(other.id, part);
    }
    await settle(pair);
    assert.equal(other.exchange.text.length, 60 * part.length);
    assert.equal(pair.peer.of(windowUpdate, stalled.id).length, 0);
    stalled.stream.resume();
    await settle(pair, Buffer.from('resumed!'));
    assert.deepEqual(
      pair.peer.of(windowUpdate, stalled.id).map(each => each.payload.readUInt32BE()),
      [streamWindow],
    );
    pair.peer.data(stalled.id, bytes);
    await until(() => updatesOf(pair, stalled.id) > streamWindow);
    pair.peer.data(stalled.id, '', true);
    await stalled.exchange.over;
    assert.ok(stalled.exchange.text === bytes.toString('latin1').repeat(2));
  });

  it('counts padding', async () => {
    const pair = await ready();
    const { exchange, id } = await begun(pair);
    const padded = Buffer.concat([Buffer.from([255]), Buffer.from('x'), Buffer.alloc(255)]);
    for (let count = 0; count < 1100; count++) {
      if (count % 400 === 0) await settle(pair);
      pair.peer.send(frame(data, flags.padded, id, padded));
    }
    await settle(pair);
    assert.equal(exchange.text, 'x'.repeat(1100));
    const told = pair.peer.of(windowUpdate, id).map(each => each.payload.readUInt32BE());
    assert.equal(told.reduce((sum, each) => sum + each) % padded.length, 0);
    assert.ok(told.every(each => each >= streamWindow / 2));
  });

  it('returns the bytes of an aborted stream', async () => {
    const pair = await ready();
    const gone = await begun(pair, '/gone');
    const other = await begun(pair, '/other');
    gone.stream.abort();
    const whole = 16 * 1024 * 1024;
    const part = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < 40; sent++) {
      // The client's preface has made it a whole window.
      await until(() => 65_535 + updatesOf(pair, 0) - sent * part.length >= part.length);
      pair.peer.data(gone.id, part);
    }
    await settle(pair);
    const open = 65_535 + updatesOf(pair, 0) - 40 * part.length;
    assert.ok(open >= whole / 2 && open <= whole, `${open} bytes`);
    assert.equal(pair.peer.of(windowUpdate, gone.id).length, 0);
    pair.peer.data(other.id, 'still here', true);
    assert.equal((await other.exchange.over).text, 'still here');
  });
});

describe('the streams of an HTTP/2 connection', () => {
  it('are limited by the API server’s current SETTINGS', async () => {
    const pair = await ready({ settings: [[3, 2]] });
    const { connection, peer } = pair;
    const one = await begun(pair, '/1');
    const two = await begun(pair, '/2');
    assert.equal(connection.open(), undefined);
    peer.send(settingsFrame([3, 3]));
    await settle(pair);
    const three = await begun(pair, '/3');
    peer.send(settingsFrame([3, 1]));
    await settle(pair, Buffer.from('lowered!'));
    assert.equal(connection.open(), undefined);
    one.stream.abort();
    three.stream.abort();
    assert.equal(connection.open(), undefined);
    peer.data(two.id, 'x', true);
    await two.exchange.over;
    openOn(connection).abort();
    peer.send(settingsFrame([3, 0]));
    await settle(pair, Buffer.from('to zero!'));
    assert.equal(connection.open(), undefined);
    peer.send(settingsFrame([3, 0xffffffff]));
    await settle(pair, Buffer.from('no limit'));
    for (let count = 0; count < 250; count++) openOn(connection);
    assert.equal(connection.open(), undefined);
  });

  it('are not available after many were aborted, while the others continue', async () => {
    const pair = await ready();
    const staying = await begun(pair, '/staying');
    for (let count = 0; count < 200; count++) {
      assert.ok(pair.connection.hasRoom);
      const stream = openOn(pair.connection);
      sendOn(stream, '/leaving');
      stream.abort();
    }
    assert.equal(pair.connection.hasRoom, false);
    pair.peer.data(staying.id, 'x', true);
    assert.ok((await staying.exchange.over).whole);
    assert.equal(pair.ended(), 1);
  });
});

describe('an HTTP/2 connection that is closed', () => {
  it('ends immediately if it is idle, and otherwise with its last stream', async () => {
    const idle = await ready();
    idle.connection.close();
    assert.equal(idle.ended(), 1);
    const pair = await ready();
    const unsent = openOn(pair.connection);
    const { exchange, id } = await begun(pair);
    pair.connection.close();
    assert.equal(pair.connection.open(), undefined);
    pair.peer.data(id, 'x', true);
    await exchange.over;
    assert.equal(pair.ended(), 0);
    const late = sendOn(unsent, '/late');
    pair.peer.head(await pair.peer.request('/late'), ok, true);
    assert.ok((await late.over).whole);
    assert.equal(pair.ended(), 1);
    await pair.peer.closed();
  });

  it('ends its exchanges with an error when it is destroyed, and all that come later', async () => {
    const pair = await ready();
    const unsent = openOn(pair.connection);
    const given = openOn(pair.connection);
    const { exchange } = await begun(pair);
    pair.connection.destroy();
    pair.connection.destroy();
    assert.equal((await exchange.over).failure?.code, 'ECONNRESET');
    const late = sendOn(unsent, '/late');
    assert.equal(late.failure, undefined);
    assert.equal((await late.over).failure?.code, 'ECONNRESET');
    assert.ok(unsent.isStale);
    // Aborted before its failure is reported.
    const silent = sendOn(given, '/silent');
    given.abort();
    await turn();
    assert.equal(silent.failure, undefined);
    assert.ok(pair.connection.isIdle);
    assert.equal(pair.ended(), 1);
  });
});

describe('GOAWAY', () => {
  it('moves exchanges after the last stream to another connection and lets the others finish', async () => {
    const pair = await ready();
    const one = await begun(pair, '/1');
    const streams = [openOn(pair.connection), openOn(pair.connection)];
    const exchanges = streams.map((stream, index) => sendOn(stream, `/${index + 2}`));
    const unsent = openOn(pair.connection);
    await pair.peer.request('/3');
    pair.peer.goaway(0x7fffffff);
    await settle(pair);
    assert.ok(exchanges.every(each => each.failure === undefined));
    assert.equal(pair.connection.hasRoom, false);
    pair.peer.goaway(3);
    await settle(pair, Buffer.from('second..'));
    assert.equal(exchanges[0]?.failure, undefined);
    assert.equal(exchanges[1]?.failure?.code, 'ECONNRESET');
    assert.ok(streams[1]?.isStale);
    const late = sendOn(unsent, '/late');
    assert.equal((await late.over).failure?.code, 'ECONNRESET');
    assert.ok(unsent.isStale);
    pair.peer.head(3, ok, true);
    assert.ok((await exchanges[0]?.over)?.whole);
    assert.equal(pair.ended(), 0);
    pair.peer.data(one.id, 'x', true);
    assert.ok((await one.exchange.over).whole);
    assert.equal(pair.ended(), 1);
    await pair.peer.closed();
  });

  it('ends a connection if it names none of the open streams as processed', async () => {
    const pair = await ready();
    const streams = [openOn(pair.connection), openOn(pair.connection)];
    const exchanges = streams.map(stream => sendOn(stream, '/'));
    await pair.peer.request('/');
    pair.peer.goaway(0, 1);
    await Promise.all(exchanges.map(each => each.over));
    assert.ok(streams.every(each => each.isStale));
    await pair.peer.closed();
    assert.equal(pair.ended(), 1);
  });
});
