import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { Relay } from '../../../src/proxy/relay/relay.js';
import { ReadBuffer } from '../../../src/transport/read-buffer.js';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { eventually, until, within } from '../../support/eventually.js';
import { listenFor } from '../../support/ports.js';

const identity = await sharedIdentity();

const listeners = [
  { name: 'a plain listener', create: () => http.createServer(), secure: false },
  {
    name: 'a listener with TLS',
    create: () =>
      https.createServer({
        key: identity.serverCertificate.key,
        cert: identity.serverCertificate.certificate,
        allowHalfOpen: true,
      }),
    secure: true,
  },
];

const upgradeRequest = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: test/1\r\n\r\n';

/** A client, the socket that a server accepted from it, the relay's other socket, and the peer of that one. */
interface Ends {
  readonly raw: Socket;
  readonly client: Socket;
  readonly accepted: Socket;
  readonly to: Socket;
  readonly far: Socket;
}

/** Opens an upgraded connection of a client, and another connection for its bytes to go to. */
async function open(t: TestContext, { create, secure }: (typeof listeners)[number]): Promise<Ends> {
  const sockets: Socket[] = [];
  const keep = <T extends Socket>(socket: T): T => {
    sockets.push(socket.on('error', () => {}));
    return socket;
  };
  const server = create();
  const other = net.createServer({ allowHalfOpen: true });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const connectTo = async (listener: net.Server) =>
    keep(net.connect({ port: await listenFor(t, listener), host: '127.0.0.1', allowHalfOpen: true }));
  const upgraded = once(server, 'upgrade');
  const raw = await connectTo(server);
  const client = secure
    ? keep(tls.connect({ socket: raw, ca: identity.authority.certificate, servername: 'localhost' }))
    : raw;
  client.write(upgradeRequest);
  const accepted = keep((await upgraded)[1] as Socket);
  const connected = once(other, 'connection');
  const far = await connectTo(other);
  const to = keep((await connected)[0] as Socket);
  return { raw, client, accepted, to, far };
}

/** Relays both directions. */
function relay({ accepted, to }: Ends): void {
  new Relay(accepted, to).copyEvents();
  new Relay(to, accepted).copyEvents();
}

/** Calls back after each write to a socket. */
function watchWrites(socket: Socket, onWrite: (chunk: Buffer) => void): void {
  const write = socket.write.bind(socket) as (chunk: Buffer, done: () => void) => boolean;
  socket.write = ((chunk: Buffer, done: () => void) => {
    const goesOn = write(chunk, done);
    onWrite(chunk);
    return goesOn;
  }) as Socket['write'];
}

/** Writes bytes again and again, no faster than they leave, and returns a hash of all. */
async function send(socket: Socket, bytes: Buffer, times: number): Promise<string> {
  const sum = createHash('sha256');
  for (let index = 0; index < times; index += 1) {
    sum.update(bytes);
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  socket.end();
  return sum.digest('hex');
}

/** The text that arrives until the end. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) text += chunk;
  return text;
}

async function hashOf(socket: Socket): Promise<string> {
  const sum = createHash('sha256');
  socket.on('data', chunk => sum.update(chunk));
  await once(socket, 'end');
  return sum.digest('hex');
}

for (const listener of listeners) {
  describe(`what a relay reads from a client of ${listener.name}`, () => {
    it('does not change, although its memory is freed when it has been written', async t => {
      const ends = await open(t, listener);
      const parts: { readonly part: Buffer; readonly length: number }[] = [];
      watchWrites(ends.to, part => parts.push({ part, length: part.length }));
      relay(ends);
      const hashes = Promise.all([send(ends.client, randomBytes(1_000_000), 24), hashOf(ends.far)]);
      const [sent, received] = await within('all bytes', hashes);
      assert.equal(received, sent);
      // A read from a connection with TLS brings at most 16 KB, which is not worth it.
      const large = parts.filter(({ length }) => length >= 32 * 1024);
      assert.equal(large.length > 0, !listener.secure);
      await until(() => large.every(({ part }) => part.length === 0));
    });

    it('ends when its sender ends, who still gets the answer', async t => {
      for (const [from, to] of [
        ['client', 'far'],
        ['far', 'client'],
      ] as const) {
        const ends = await open(t, listener);
        relay(ends);
        ends[from].end('question');
        assert.equal(await within('the question', textOf(ends[to])), 'question');
        ends[to].end('answer');
        assert.equal(await within('the answer', textOf(ends[from])), 'answer');
      }
    });

    it('ends with a reset that comes during a pause', async t => {
      const ends = await open(t, listener);
      relay(ends);
      ends.client.pause();
      void send(ends.client, randomBytes(1_000_000), 32).catch(() => {});
      await eventually('a pause', () => ends.accepted.isPaused() && ends.to.writableLength > 0);
      // A client that closes with bytes unread resets its connection.
      ends.far.write(randomBytes(8_000_000));
      await until(() => ends.accepted.writableLength > 0);
      ends.raw.destroy();
      ends.far.resume();
      await until(() => ends.accepted.closed);
    });
  });
}

describe('the bytes that are lent to a relay', () => {
  const create = () => {
    const parts: string[] = [];
    const write = (chunk: Buffer, _encoding: BufferEncoding, done: () => void) => {
      parts.push(String(chunk));
      done();
    };
    const from = new Duplex({ read() {} });
    const to = new Duplex({ read() {}, write });
    const buffer = new ReadBuffer();
    const relay = new Relay(from, to);
    relay.start();
    let room = buffer.next();
    /** Reads as many of the bytes as fit. */
    const read = (bytes: string | Buffer) => {
      const length = Buffer.from(bytes).copy(room);
      buffer.wasRead(length);
      buffer.lend(room.subarray(0, length), relay);
      room = buffer.next();
    };
    return { parts, from, relay, read };
  };

  it('are written in one part at the end of each turn of the event loop', async () => {
    const { parts, read } = create();
    read(Buffer.alloc(4 * 1024));
    await turn();
    for (const texts of [
      ['one ', 'two ', 'three'],
      ['four ', 'five'],
    ]) {
      parts.length = 0;
      for (const text of texts) read(text);
      assert.deepEqual(parts, []);
      await turn();
      assert.deepEqual(parts, [texts.join('')]);
    }
  });

  it('are written at once when a buffer is full', () => {
    const { parts, read } = create();
    for (let reads = 0; reads < 5; reads += 1) read(Buffer.alloc(16 * 1024));
    assert.deepEqual(
      parts.map(({ length }) => length),
      [4 * 1024, 64 * 1024],
    );
  });

  it('are written before the end, and before the last words of the proxy', async () => {
    for (const isOurs of [true, false]) {
      const { parts, from, relay, read } = create();
      read('last');
      if (isOurs) {
        relay.endWith(Buffer.from('words'), () => {});
        read('late');
      } else from.push(null);
      await turn();
      assert.deepEqual(parts, isOurs ? ['last', 'words'] : ['last']);
    }
  });
});
