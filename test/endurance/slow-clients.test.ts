import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRaw, type RawConnection } from '../support/clients/raw-http.js';
import { ok, startStrictStack } from '../support/upstreams/strict-upstream.js';

/** The time limit for a head is 30 s, and is checked every 2 s. */
const least = 29_000;
const most = 50_000;
/** Longer than that limit: slow bodies and answers must continue. */
const longer = 37_000;

const { upstream, proxy } = await startStrictStack({ after }, (request, socket) => {
  if (request.target !== '/slow-answer') {
    socket.write(ok(request.body));
    return;
  }
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n');
  const timer = setInterval(() => socket.write('x'), longer / 37);
  socket.once('close', () => clearInterval(timer));
});

/** Writes one byte at a time until everything is written or the peer has closed. */
async function trickle(connection: RawConnection, bytes: string, interval: number): Promise<void> {
  for (const byte of bytes) {
    if (connection.socket.destroyed || connection.socket.readableEnded) return;
    connection.write(byte);
    await delay(interval);
  }
}

/** Connects, waits for the end of the connection, and returns its bytes and how long it took. */
async function cutAfter(
  begin: (connection: RawConnection) => void | Promise<void>,
): Promise<{ answer: string; took: number }> {
  const began = Date.now();
  const connection = await connectRaw(proxy.port);
  await begin(connection);
  const answer = await connection.untilClosed(most + 5000);
  connection.destroy();
  return { answer, took: Date.now() - began };
}

// At the same time, because most of them only wait.
describe('a client', { concurrency: true, timeout: 180_000 }, () => {
  const slowHeads: Readonly<Record<string, (connection: RawConnection) => void | Promise<void>>> = {
    'sends nothing': () => {},
    'sends half of a head and no more': connection => connection.write('GET /version HTTP/1.1\r\nHost: loc'),
    'sends a head a byte at a time': connection =>
      void trickle(connection, `GET /version HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(200)}`, 250),
    'sends a slow head behind a request that was answered': async connection => {
      connection.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await connection.until(/200 OK/);
      void trickle(connection, `GET /version HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(200)}`, 250);
    },
  };
  for (const [what, begin] of Object.entries(slowHeads)) {
    test(`that ${what} is disconnected after 30 s`, async () => {
      const { answer, took } = await cutAfter(begin);
      assert.ok(took >= least && took <= most, `${took} ms`);
      assert.match(answer, /HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"kind":"Status"[\s\S]*took too long/);
      assert.equal(upstream.requests.filter(({ target }) => target === '/version').length, 1);
    });
  }

  for (const [framing, header, body] of [
    ['with a length', `Content-Length: ${longer / 1000}`, 'x'.repeat(longer / 1000)],
    ['in chunks', 'Transfer-Encoding: chunked', `${'1\r\nx\r\n'.repeat(5)}0\r\n\r\n`],
  ] as const) {
    test(`that sends a body ${framing} one byte at a time, longer than the time limit for a head, is answered`, async () => {
      const connection = await connectRaw(proxy.port);
      connection.write(
        `POST /slow-body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${header}\r\n\r\n`,
      );
      await trickle(connection, body, longer / body.length);
      assert.match(await connection.untilClosed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nx+$/);
    });
  }

  test('that pauses in its body for longer than that time limit is answered', async () => {
    const connection = await connectRaw(proxy.port);
    connection.write(
      'POST /pause HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nx',
    );
    await delay(longer);
    connection.write('x');
    assert.match(await connection.untilClosed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nxx$/);
  });

  test('that reads its answer more slowly than that time limit gets all of it', async () => {
    const connection = await connectRaw(proxy.port);
    connection.write('GET /slow-answer HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await connection.until(/\r\n\r\nx{37}$/, 2 * longer);
    connection.destroy();
  });
});
