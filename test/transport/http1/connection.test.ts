import assert from 'node:assert/strict';
import net, { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import { createDial, type Dial, lazySecureContext } from '../../../src/transport/dial/dial.js';
import type { OutgoingBody } from '../../../src/transport/round-trip.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { until } from '../../support/eventually.js';
import { listenFor, refusingPort } from '../../support/ports.js';
import { sendOn } from '../../support/transport/recorded-response.js';

const hi = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
const unasked = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked';

let server: net.Server;
let pool: ConnectionPool;
/** The proxy's sockets of the connections. */
let sockets: Socket[];
/** The connections that the server has accepted. */
let accepted: RawConnection[];
let onAccept: () => void;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  accepted = [];
  onAccept = () => {};
  server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    accepted.push(watchRaw(socket));
    onAccept();
  });
  const port = await listenFor({ after: end => ends.push(end) }, server);
  sockets = [];
  const dial = dialTo('http:', port);
  pool = new ConnectionPool((callback, onRead) =>
    dial((error, socket) => {
      if (socket !== null) sockets.push(socket);
      callback(error, socket);
    }, onRead),
  );
  ends.push(() => pool.destroy());
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Whether the last connection has read this text. */
function hasRead(text: string): boolean {
  return sockets.at(-1)?.bytesRead === text.length;
}

function dialTo(protocol: 'http:' | 'https:', port: number, authority?: string): Dial {
  return createDial({
    server: { protocol, hostname: '127.0.0.1', port, path: '' },
    secureContext: lazySecureContext(authority === undefined ? undefined : Buffer.from(authority), {}),
    insecureSkipTlsVerify: false,
    keepAlive: 0,
  });
}

/** The server's end of the connection with this index, in the order of acceptance; waits for it. */
async function peer(index = 0): Promise<RawConnection> {
  while (accepted[index] === undefined) {
    await new Promise<void>(resolve => {
      onAccept = resolve;
    });
  }
  return accepted[index];
}

/** Sends a POST on the idle connection or a new one, and waits for the server's end of it and for the first byte that the body may write. */
async function posted(...headers: string[]) {
  const index = accepted.length - pool.counts.idle;
  const body = new Dictation();
  const connection = pool.acquire();
  const exchange = sendOn(connection, '/', { method: 'POST', headers, body });
  const other = await peer(index);
  await until(() => body.socket !== undefined);
  return { body, connection, exchange, other };
}

/** Sends a GET on the idle connection or a new one, and waits for the server's end of it. */
async function asked() {
  const index = accepted.length - pool.counts.idle;
  const connection = pool.acquire();
  const exchange = sendOn(connection);
  return { connection, exchange, other: await peer(index) };
}

/** A request body that the test writes itself. */
class Dictation implements OutgoingBody {
  socket: Socket | undefined;
  end: () => void = () => {};
  stopped = 0;

  start(socket: Socket, onEnd: () => void): void {
    this.socket = socket;
    this.end = onEnd;
  }

  stop(): void {
    this.stopped++;
  }
}

/** Holds back the bytes that TLS writes until all of them can be sent at once. */
class Packer extends Duplex {
  readonly #socket: net.Socket;
  #held: Buffer[] | undefined;

  constructor(socket: net.Socket) {
    super();
    this.#socket = socket;
    socket
      .on('data', chunk => this.push(chunk))
      .on('end', () => this.push(null))
      .on('error', () => this.destroy());
  }

  async sendAsOne(secure: tls.TLSSocket, records: readonly string[]): Promise<void> {
    const held: Buffer[] = [];
    this.#held = held;
    for (const record of records) {
      await new Promise<void>(resolve => secure.write(record, 'latin1', () => resolve()));
    }
    assert.ok(held.length >= records.length, 'each is a record of its own');
    this.#held = undefined;
    this.#socket.write(Buffer.concat(held));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    if (this.#held === undefined) this.#socket.write(chunk);
    else this.#held.push(chunk);
    callback();
  }
}

/** Starts a server that answers only its first request, with these packets, each of which has several TLS records. */
async function startPackingServer(t: TestContext, packets: readonly (readonly string[])[]) {
  const authority = await createCertificateAuthority();
  const { certificate, key } = await authority.server();
  const secureContext = tls.createSecureContext({ cert: certificate, key });
  const sockets: net.Socket[] = [];
  const server = net.createServer(socket => {
    sockets.push(socket);
    const packer = new Packer(socket.setNoDelay(true));
    const secure = new tls.TLSSocket(packer, { isServer: true, secureContext });
    secure.on('error', () => {}).resume();
    if (sockets.length > 1) return;
    secure.once('data', async () => {
      for (const records of packets) await packer.sendAsOne(secure, records);
    });
  });
  return {
    port: await listenFor(t, server),
    authority: authority.certificate,
    firstHasEnded: () => sockets[0]?.readableEnded === true || sockets[0]?.destroyed === true,
  };
}

describe('a request', () => {
  it('is sent exactly as it is, byte for byte', async () => {
    const headers = [
      ...['accept', 'a/b;q=0.5', 'X-Empty', '', 'X-Bytes', '\xe9\xff\x80\t~', 'x-two', '1'],
      ...['X-TWO', '2'],
    ];
    sendOn(pool.acquire(), '/api?watch=1&a=\xc3\xa9%00{}|"', { method: 'DELETE', headers });
    const other = await peer();
    await other.until(/\r\n\r\n/);
    assert.equal(
      other.received(),
      'DELETE /api?watch=1&a=\xc3\xa9%00{}|" HTTP/1.1\r\nHost: api\r\naccept: a/b;q=0.5\r\nX-Empty: \r\n' +
        'X-Bytes: \xe9\xff\x80\t~\r\nx-two: 1\r\nX-TWO: 2\r\n\r\n',
    );
  });

  it('has its body after its head, on a new connection and on an open one', async () => {
    for (const count of [1, 2]) {
      const { body, exchange, other } = await posted('Content-Length', '4');
      body.socket?.write('bo');
      await other.until(/bo$/);
      body.socket?.write('dy');
      body.end();
      await other.until(/body$/);
      const post = 'POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 4\r\n\r\nbody';
      assert.equal(other.received(), post.repeat(count));
      other.write(hi);
      await exchange.over;
      await until(() => pool.counts.idle === 1);
      assert.equal(body.stopped, 0);
    }
  });
});

describe('an answer', () => {
  it('is passed on as it comes, and its sink is told when no more bytes are there', async () => {
    const { exchange, other } = await asked();
    other.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n');
    await exchange.begun;
    assert.deepEqual([exchange.status, exchange.headers], [200, ['Transfer-Encoding', 'chunked', 'A', 'b']]);
    await until(() => exchange.idles === 1);
    other.write('2\r\nhi\r\n');
    await until(() => exchange.idles === 2);
    assert.equal(exchange.text, 'hi');
    other.write('0\r\nC: d\r\n\r\n');
    await exchange.over;
    assert.deepEqual([exchange.whole, exchange.text, exchange.idles], [true, 'hi', 2]);
  });

  it('ends with its head if it answers a HEAD', async () => {
    const exchange = sendOn(pool.acquire(), '/', { method: 'HEAD' });
    (await peer()).write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n');
    assert.equal((await exchange.over).whole, true);
    await until(() => pool.counts.idle === 1);
  });

  it('ends with the connection if it has no length', async () => {
    const { exchange, other } = await asked();
    other.socket.end('HTTP/1.1 200 OK\r\n\r\nhi');
    assert.deepEqual([(await exchange.over).text, exchange.whole], ['hi', true]);
    await other.untilClosed();
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  for (const [what, begin] of [
    ['before its first byte', ''],
    ['in its head', 'HTTP/1.1 200 OK\r\nConte'],
    ['in its body', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi'],
    ['before its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n'],
    ['after an informational one', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ] as const) {
    it(`that is cut ${what} is an error, and its connection is not used again`, async () => {
      for (const way of ['end', 'resetAndDestroy'] as const) {
        const { connection, exchange, other } = await asked();
        await other.until(/\r\n\r\n$/);
        other.write(begin);
        if (begin !== '') await until(() => hasRead(begin));
        other.socket[way]();
        assert.deepEqual([(await exchange.over).whole, exchange.failure?.code], [false, 'ECONNRESET'], way);
        assert.deepEqual(pool.counts, { idle: 0, active: 0 });
        assert.equal(connection.isStale, false, 'it was new');
      }
    });
  }

  it('that is not HTTP is an error immediately, while the server waits', async () => {
    for (const text of ['SSH-2.0-x\r\n', 'HTTP/1.1 101 \r\n\r\n', 'HTTP/1.1 200 OK\n\n']) {
      const { exchange, other } = await asked();
      other.write(text);
      assert.equal((await exchange.over).failure?.code, 'MALFORMED_RESPONSE');
      await other.untilClosed();
      assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    }
  });

  it('is an error if its sink throws', async () => {
    const exchange = sendOn(pool.acquire());
    exchange.onEvent = event => {
      if (event === 'head') throw new RangeError('no such head');
    };
    const other = await peer();
    other.write(hi);
    assert.deepEqual([(await exchange.over).failure?.message, exchange.text], ['no such head', '']);
    await other.untilClosed();
  });
});

describe('a connection', () => {
  for (const [what, answer] of [
    ['says close', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'],
    ['has the version HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi'],
  ] as const) {
    it(`is closed if its answer ${what}`, async () => {
      const { exchange, other } = await asked();
      other.write(answer);
      assert.equal((await exchange.over).text, 'hi');
      await other.untilClosed();
      assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    });
  }

  it('is closed if the server closes or resets it while it is idle', async () => {
    for (const way of ['end', 'resetAndDestroy'] as const) {
      const { exchange, other } = await asked();
      other.write(hi);
      await exchange.over;
      await until(() => pool.counts.idle === 1);
      other.socket[way]();
      await until(() => pool.counts.idle === 0);
    }
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  it('keeps nothing of its last answer while it is idle', async () => {
    const asking = async () => {
      const { exchange, other } = await asked();
      other.write(hi);
      return new WeakRef(await exchange.over);
    };
    const last = await asking();
    await until(() => pool.counts.idle === 1);
    await until(() => {
      collectGarbage();
      return last.deref() === undefined;
    });
    assert.equal(pool.counts.idle, 1);
  });
});

describe('a second answer without a request', () => {
  /** Acquires the connection at the moment of its release; returns the exchange that was sent on it then. */
  function takeAtOnce(t: TestContext, from: ConnectionPool): () => ReturnType<typeof sendOn> | undefined {
    const release = from.release.bind(from);
    let next: ReturnType<typeof sendOn> | undefined;
    t.mock.method(from, 'release', (given: ReturnType<typeof from.acquire>) => {
      release(given);
      next = sendOn(from.acquire());
    });
    return () => next;
  }

  it('never reaches an exchange that waits for the connection if the first answer fills a read', async t => {
    const first = sendOn(pool.acquire());
    const next = takeAtOnce(t, pool);
    const other = await peer();
    await other.until(/\r\n\r\n$/);
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 4000\r\nX: ';
    other.write(`${head.padEnd(92, 'x')}\r\n\r\n${'a'.repeat(4_000)}${unasked}`);
    assert.equal((await first.over).text.length, 4_000);
    await other.untilClosed();
    assert.equal(next(), undefined);
  });

  it('never reaches an exchange that waits for the connection if the reading was paused before it', async t => {
    // Like a socket whose first read has the whole first answer; the bytes after it are read only on demand.
    const reads = [hi, unasked];
    const socket = new Duplex({
      read() {
        setImmediate(() => reads.length > 0 && this.push(reads.shift()));
      },
      write: (_chunk, _encoding, callback) => callback(),
      readableHighWaterMark: 1,
    });
    const over = new ConnectionPool(callback => {
      process.nextTick(callback, null, socket);
      return { destroy: () => {} };
    });
    const connection = over.acquire();
    const first = sendOn(connection);
    first.onEvent = event => event === 'head' && connection.pause();
    const next = takeAtOnce(t, over);
    assert.equal((await first.over).text, 'hi');
    await until(() => socket.destroyed || next() !== undefined);
    assert.equal(next(), undefined);
  });

  it('closes the connection if it comes while the connection is idle', async () => {
    for (const text of [unasked, '\r\n', 'H']) {
      const { exchange, other } = await asked();
      other.write(hi);
      await exchange.over;
      await until(() => pool.counts.idle === 1);
      other.write(text);
      await other.untilClosed();
      assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    }
  });

  for (const [what, packets] of [
    ['in the same TLS record', [[hi + unasked]]],
    ['in the same TLS record as its last byte', [[hi.slice(0, -1)], [`i${unasked}`]]],
    ['in another TLS record of the same packet', [[hi, unasked]]],
    ['in many TLS records of the same packet', [[hi.slice(0, -2), ...'hi', ...unasked]]],
  ] as const) {
    it(`never reaches the next exchange if it comes ${what}, even if that exchange begins immediately`, async t => {
      const front = await startPackingServer(t, packets);
      const over = new ConnectionPool(dialTo('https:', front.port, front.authority));
      ends.push(() => over.destroy());
      const first = sendOn(over.acquire());
      const all: ReturnType<typeof sendOn>[] = [];
      first.onEvent = event => {
        if (event !== 'end') return;
        const next = (): void => void all.push(sendOn(over.acquire()));
        next();
        process.nextTick(next);
        queueMicrotask(next);
        queueMicrotask(() => queueMicrotask(next));
        process.nextTick(() => process.nextTick(next));
        setImmediate(next);
      };
      await first.over;
      await until(() => all.length === 6 && (front.firstHasEnded() || all.some(({ text }) => text !== '')));
      assert.deepEqual([first.text, ...all.map(({ text }) => text)], ['hi', '', '', '', '', '', '']);
    });
  }
});

describe('an answer that comes before the body is sent', () => {
  it('is passed on as a whole, and the body stops and the connection is closed', async () => {
    const { body, exchange, other } = await posted('Content-Length', '9');
    body.socket?.write('bo');
    await other.until(/bo$/);
    other.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    await exchange.over;
    assert.deepEqual([exchange.status, exchange.text, body.stopped], [413, 'no', 1]);
    await other.untilClosed();
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    body.end();
    assert.deepEqual(pool.counts, { idle: 0, active: 0 });
  });

  it('keeps the connection if the body ends before the answer', async () => {
    const { body, exchange, other } = await posted('Content-Length', '2');
    other.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh');
    await until(() => exchange.text === 'h');
    body.socket?.write('bo');
    body.end();
    other.write('i');
    assert.equal((await exchange.over).text, 'hi');
    await until(() => pool.counts.idle === 1);
    assert.equal(body.stopped, 0);
  });
});

describe('the end of a connection', () => {
  it('is an error for its exchange and stops its body, whatever has been received', async () => {
    for (const begin of ['', 'HTTP/1.1 2', 'HTTP/1.1 200 OK\r\n\r\n']) {
      const { body, connection, exchange, other } = await posted();
      other.write(begin);
      if (begin !== '') await until(() => hasRead(begin));
      connection.destroy();
      assert.deepEqual([exchange.failure?.code, exchange.whole, body.stopped], ['ECONNRESET', false, 1]);
      await other.untilClosed();
      connection.destroy();
      assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    }
  });

  it('during the events of an answer is reported once, and no further event follows', async () => {
    for (const [index, at] of (['head', 'body', 'end'] as const).entries()) {
      const connection = pool.acquire();
      const exchange = sendOn(connection);
      const events: string[] = [];
      exchange.onEvent = event => {
        events.push(event);
        if (event === at) connection.destroy();
      };
      const other = await peer(index);
      other.write(hi);
      await exchange.over;
      await other.untilClosed();
      const before = ['head', 'body', 'end'].slice(0, index + 1);
      assert.deepEqual(events, at === 'end' ? before : [...before, 'error']);
      assert.deepEqual(pool.counts, { idle: 0, active: 0 });
    }
  });

  it('is an error for the exchange if the connection cannot be opened', async t => {
    const unreachable = new ConnectionPool(dialTo('http:', await refusingPort(t)));
    const body = new Dictation();
    const connection = unreachable.acquire();
    const exchange = sendOn(connection, '/', { body });
    assert.equal((await exchange.over).failure?.code, 'ECONNREFUSED');
    assert.deepEqual([body.stopped, connection.isStale], [1, false]);
    assert.deepEqual(unreachable.counts, { idle: 0, active: 0 });
  });
});

describe('a stale connection', () => {
  it('has carried an exchange and ends before the first byte of the next answer', async () => {
    for (const way of ['end', 'resetAndDestroy'] as const) {
      const { exchange: first, other } = await asked();
      other.write(hi);
      await first.over;
      await until(() => pool.counts.idle === 1);
      const connection = pool.acquire();
      const second = sendOn(connection);
      let stale: boolean | undefined;
      second.onEvent = () => {
        stale = connection.isStale;
      };
      other.socket[way]();
      assert.equal((await second.over).failure?.code, 'ECONNRESET');
      assert.equal(stale, true);
    }
  });

  it('has not received a byte of the answer', async () => {
    const { exchange: first, other } = await asked();
    other.write(hi);
    await first.over;
    await until(() => pool.counts.idle === 1);
    const connection = pool.acquire();
    const exchange = sendOn(connection);
    await other.until(/GET.*GET.*\r\n\r\n$/s);
    const before = sockets.at(-1)?.bytesRead ?? 0;
    other.write('H');
    await until(() => sockets.at(-1)?.bytesRead === before + 1);
    other.socket.end();
    assert.equal((await exchange.over).failure?.code, 'ECONNRESET');
    assert.equal(connection.isStale, false);
  });
});

describe('an idle connection', () => {
  it('is closed after 55 s, and not earlier, and never one in use', t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const [busy, old, young] = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.release(old);
    t.mock.timers.tick(10_000);
    pool.release(young);
    t.mock.timers.tick(45_000);
    assert.deepEqual(pool.counts, { idle: 2, active: 1 });
    t.mock.timers.tick(5_000);
    assert.deepEqual(pool.counts, { idle: 1, active: 1 });
    assert.equal(pool.acquire(), young);
    pool.release(young);
    t.mock.timers.tick(55_000);
    assert.deepEqual(pool.counts, { idle: 1, active: 1 }, 'the time since its last use counts');
    t.mock.timers.tick(5_000);
    assert.deepEqual(pool.counts, { idle: 0, active: 1 });
    busy.destroy();
    pool.release(pool.acquire());
    t.mock.timers.tick(60_000);
    assert.deepEqual(pool.counts, { idle: 0, active: 0 }, 'the check starts again with the next connection');
  });
});
