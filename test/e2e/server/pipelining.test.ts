import assert from 'node:assert/strict';
import type net from 'node:net';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { connectTo, listeners, startBothListeners } from '../../support/proxy/both-listeners.js';
import { steady } from '../../support/steady.js';
import { ok, startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type Leg, legs, toBytes } from '../leg.js';

/** More than the kernel's buffers hold for a client that does not read. Those for the program may hold all of it. */
const large = 16 * 1024 * 1024;
/** With their heads, these bodies take several TLS records. */
const body = 'b'.repeat(40_000);
const bodyOfRequests = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10_000);

/** Answers the last request for `/late`. */
let answerLate: (() => void) | undefined;
/** The upstream connection of the large answer. */
let answering: net.Socket | undefined;

const upstream = await startStrictUpstream((request, socket) => {
  if (request.target === '/large') {
    answering = socket;
    Readable.from(pieces(Buffer.from(ok('x'.repeat(large))))).pipe(socket, { end: false });
  } else if (request.target === '/late') {
    answerLate = () => void socket.write(ok(`${request.method} ${request.target} ${request.body.length}`));
  } else if (request.target !== '/silent')
    socket.write(ok(`${request.method} ${request.target} ${request.body.length}`));
});
/** The legs of requests, whose upgrade is refused. */
const names = Object.keys(legs) as Leg[];
const both = await startBothListeners({ after }, upstream);

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** Waits until the program reads no more of the large answer. The kernel may have taken all that is left of it. */
function untilHeldBack(): Promise<void> {
  return steady(() =>
    answering === undefined ? Number.NaN : answering.bytesWritten - answering.writableLength,
  );
}

/** Sends more requests behind a large answer, reads everything only after that, and returns what came after the large answer. */
async function sendBehindLarge(connection: RawConnection, requests: string): Promise<string> {
  answering = undefined;
  upstream.requests.length = 0;
  connection.socket.pause();
  connection.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await untilHeldBack();
  connection.socket.write(requests);
  // The program has read what it will read for now.
  await delay(50);
  connection.socket.resume();
  const all = await connection.untilClosed();
  const end = all.indexOf('\r\n\r\n') + 4 + large;
  assert.ok(all.length >= end, `the large answer is cut after ${all.length} bytes`);
  return all.slice(end);
}

const targets = () => upstream.requests.map(({ target }) => target);

function post(target: string, content: string): string {
  return `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n${content}`;
}

const lastGet = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

for (const listener of listeners) {
  const connect = async () => watchRaw((await connectTo(both, listener)).socket);

  test(`a large answer that is read late over the ${listener} listener comes whole, and requests behind it are answered in order or not carried out`, async () => {
    const gets = Array.from(
      { length: 1000 },
      (_, index) => `GET /${index} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    for (const [requests, answersTo] of [
      [post('/body', body), ['POST /body 40000']],
      [gets.join(''), gets.map((_, index) => `GET /${index} 0`)],
      // A body is never taken for requests.
      [post('/body', bodyOfRequests), [`POST /body ${bodyOfRequests.length}`]],
    ] as const) {
      const rest = await sendBehindLarge(await connect(), requests + lastGet);
      const answers = rest.split(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/).slice(1);
      const expected = [...answersTo, 'GET /last 0'];
      // Over TLS, Node loses the records that come together while an answer waits.
      assert.deepEqual(answers, listener === 'secure' ? expected.slice(0, answers.length) : expected);
      assert.deepEqual(targets(), ['/large', ...answers.map(answer => answer.split(' ')[1])]);
    }
    assert.deepEqual(upstream.violations, []);
  });

  for (const [what, head] of [
    ['CONNECT', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\n'],
    ['nonsense', '!\r\n'],
  ] as const) {
    test(`${what} behind a request is not answered in place of that request over the ${listener} listener`, async () => {
      upstream.requests.length = 0;
      const connection = await connect();
      connection.write(`GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n${head}Host: localhost\r\n\r\n`);
      assert.equal(await connection.untilClosed(), '');
    });
  }

  test(`a request that closes its connection is answered over the ${listener} listener, whatever comes behind it`, async () => {
    const close = 'Host: localhost\r\nConnection: close\r\n';
    for (const [what, request] of [
      ['a GET', `GET /late HTTP/1.1\r\n${close}\r\n`],
      ['a POST', `POST /late HTTP/1.1\r\n${close}Content-Length: 4\r\n\r\nbody`],
      [
        'a chunked POST',
        `POST /late HTTP/1.1\r\n${close}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
      ],
      ['HTTP/1.0', 'GET /late HTTP/1.0\r\nHost: localhost\r\n\r\n'],
      ['a POST of HTTP/1.0', 'POST /late HTTP/1.0\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody'],
      ['a pipeline', `GET /first HTTP/1.1\r\nHost: localhost\r\n\r\nGET /late HTTP/1.1\r\n${close}\r\n`],
    ] as const) {
      for (const behind of [
        lastGet,
        post('/last', 'x'),
        '!\r\n',
        '\0',
        'x'.repeat(1_000_000),
        '\r\nGET /last HTTP/1.1\r\n',
      ]) {
        upstream.requests.length = 0;
        const connection = await connect();
        connection.write(request + behind.slice(0, 3));
        await eventually('the request', () => answerLate !== undefined);
        for (const part of [behind.slice(3, 10), behind.slice(10)]) {
          if (part !== '') await new Promise(resolve => connection.socket.write(part, resolve));
        }
        answerLate?.();
        answerLate = undefined;
        const all = await connection.untilClosed();
        const method = request.includes('POST') ? 'POST' : 'GET';
        const [, rest] = all.split(/\r\n\r\n(?=(?:GET|POST) \/late)/);
        assert.equal(
          rest,
          `${method} /late ${method === 'POST' ? 4 : 0}`,
          `${what} before ${JSON.stringify(behind.slice(0, 20))}`,
        );
        assert.ok(!targets().includes('/last'));
      }
    }
  });

  test(`a client of the ${listener} listener gets all of a large answer if it closes its side at once or in the middle`, async () => {
    // Node itself stops reading from a TLS connection after it has closed its own side.
    for (const begins of listener === 'secure' ? [false] : [false, true])
      for (const leg of names) {
        const connection = await connect();
        connection.write(toBytes({ leg, target: '/large' }));
        if (begins) await connection.until(/x/);
        connection.socket.end();
        const received = await connection.untilClosed();
        assert.match(received, /^HTTP\/1\.1 200 OK\r\n/);
        assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, large, leg);
      }
  });
}

test('requests of a client that has closed its side are all answered, and one that it has not sent whole with a 400', async () => {
  const request = 'GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (const [sent, expected] of [
    [request.repeat(3), /(GET \/small 0(HTTP\/1\.1 [\s\S]*)?){3}$/],
    [request.slice(0, -6), /^HTTP\/1\.1 400 /],
  ] as const) {
    const { socket } = await connectTo(both, 'plain');
    socket.end(sent);
    assert.match(await watchRaw(socket).untilClosed(), expected);
  }
});
