import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { type HttpAnswer, open, send } from '../../support/clients/http-client.js';
import { connectRaw, type RawConnection } from '../../support/clients/raw-http.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { reset, type StrictAnswer, startStrictStack } from '../../support/upstreams/strict-upstream.js';

function head(status: string, ...headers: string[]): string {
  return `${[`HTTP/1.1 ${status}`, ...headers].join('\r\n')}\r\n\r\n`;
}

/** Cuts the last answer that is to be cut, once its client has its bytes: a reset takes those on the way with it. */
let cut = () => {};

/** Raw answers of the API server, by path. */
const answers: Record<string, StrictAnswer> = {
  '/429': (_request, socket) =>
    socket.write(`${head('429 Too Many Requests', 'Retry-After: 1', 'Content-Length: 4')}slow`),
  '/repeated': (_request, socket) =>
    socket.write(
      head(
        '200 OK',
        'wArNing: 299 - "first"',
        'Set-Cookie: a=1; Path=/',
        'Warning: 299 - "second, with a comma"',
        'Set-Cookie: b=2',
        'X-Empty:',
        'X-Accent: caf\u00e9',
        'Audit-Id: 1-2-3',
        'Content-Length: 0',
      ),
    ),
  '/trailers': (_request, socket) =>
    socket.write(
      `${head('200 OK', 'Trailer: Grpc-Status, X-Checksum', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\nGrpc-Status: 0\r\nX-Checksum: abc\r\n\r\n`,
    ),
  '/early': (_request, socket) =>
    socket.write(`${head('413 Request Entity Too Large', 'Connection: close', 'Content-Length: 7')}too big`),
  '/early-kept-open': (_request, socket) =>
    socket.write(`${head('403 Forbidden', 'Content-Length: 9')}forbidden`),
  '/early-close': (_request, socket) =>
    socket.end(`${head('413 Request Entity Too Large', 'Connection: close', 'Content-Length: 7')}too big`),
  '/hints': (_request, socket) => {
    socket.write(head('103 Early Hints', 'Link: </style.css>; rel=preload'));
    socket.write(head('102 Processing'));
    setTimeout(() => socket.write(`${head('200 OK', 'Content-Length: 2')}ok`), 50);
  },
};

const sized = `${head('200 OK', 'Content-Length: 100')}only these`;
const inChunks = `${head('200 OK', 'Transfer-Encoding: chunked')}a\r\nonly these\r\n`;
/** Answers that are cut once their client has its bytes: the bytes, and the cut. */
const cuts: Readonly<Record<string, readonly [answer: string, cut: (socket: Socket) => void]>> = {
  '/cut-length': [sized, socket => void socket.destroy()],
  '/ended-length': [sized, socket => void socket.end()],
  '/cut-chunked': [inChunks, socket => void socket.destroy()],
  '/ended-chunked': [inChunks, socket => void socket.end()],
  // A Node client would see a reset together with the bytes before it as a normal end.
  '/bad-chunk': [inChunks, socket => void socket.write('not a size\r\n')],
  '/cut-until-close': [`${head('200 OK', 'Content-Type: text/plain')}only these`, reset],
};

const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => {
    const [bytes, cutNow] = cuts[request.target] ?? [];
    if (bytes === undefined) return answers[request.target]?.(request, socket);
    cut = () => cutNow?.(socket);
    socket.write(bytes);
  },
  { run: startInProcess, scheme: 'https', when: 'head' },
);

const get = (path: string, method = 'GET'): Promise<HttpAnswer> => send(proxy.port, path, { method });

/** Sends a GET and returns the connection, with all that it learns about its end. */
async function getRaw(
  path: string,
  version = 'HTTP/1.1',
  extra = '',
): Promise<RawConnection & { error?: Error }> {
  const connection: RawConnection & { error?: Error } = await connectRaw(proxy.port);
  connection.socket.on('error', error => {
    connection.error = error;
  });
  connection.write(`GET ${path} ${version}\r\nHost: localhost\r\n${extra}\r\n`);
  return connection;
}

describe('the status', () => {
  test('comes back once, without a retry, with its Retry-After', async () => {
    const answer = await get('/429');
    assert.deepEqual([answer.status, answer.headers['retry-after'], answer.text], [429, '1', 'slow']);
    await new Promise(resolve => setTimeout(resolve, 100));
    assert.equal(upstream.requests.filter(({ target }) => target === '/429').length, 1);
  });
});

describe('the headers', () => {
  test('come back repeated, in order and with their case, and the proxy adds its own', async () => {
    const connection = await getRaw('/repeated', 'HTTP/1.1', 'Connection: close\r\n');
    const answer = await connection.untilClosed();
    const lines = answer.split('\r\n').slice(1);
    const kept = lines.filter(line => line !== '' && !/^(connection|keep-alive):/i.test(line));
    assert.deepEqual(
      kept.map(line => line.trimEnd()),
      [
        'wArNing: 299 - "first"',
        'Set-Cookie: a=1; Path=/repeated',
        'Warning: 299 - "second, with a comma"',
        'Set-Cookie: b=2; Path=/repeated',
        'X-Empty:',
        // The two bytes of a UTF-8 character, one character per byte.
        'X-Accent: caf\u00c3\u00a9',
        'Audit-Id: 1-2-3',
        'Content-Length: 0',
        // It has no type, so a browser could take it for a page.
        'X-Content-Type-Options: nosniff',
        "Content-Security-Policy: sandbox allow-downloads; frame-ancestors 'self'",
        'Cross-Origin-Resource-Policy: same-origin',
      ],
    );
  });
});

test('a chunked body comes without chunks to an HTTP/1.0 client', async () => {
  const old = await getRaw('/trailers', 'HTTP/1.0');
  const answer = await old.untilClosed();
  assert.match(answer, /\r\n\r\nhello$/);
  assert.doesNotMatch(answer, /transfer-encoding/i);
  assert.equal(old.error, undefined);
});

describe('an answer that is cut half-way', () => {
  const readCut = async (path: string) => {
    const response = await open(proxy.port, path);
    response.on('data', () => cut());
    await once(response, 'end');
  };
  for (const path of Object.keys(cuts)) {
    test(`${path.slice(1)} reaches clients of both versions as cut`, async () => {
      await assert.rejects(readCut(path), /aborted|ECONNRESET|socket hang up|terminated/);
      const connection = await getRaw(path);
      await connection.until(/only these/);
      cut();
      const answer = await connection.untilClosed();
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.doesNotMatch(answer, /\r\n0\r\n\r\n$/);
      assert.ok(answer.includes('only these'), 'what came before the cut reaches the client');
      connection.destroy();
      const old = await getRaw(path, 'HTTP/1.0');
      await old.until(/only these/);
      cut();
      const received = await old.untilClosed();
      // Without a length, only a reset shows that the answer is cut.
      if (/content-length: 100\r\n/i.test(received)) assert.doesNotMatch(received, /\r\n\r\n.{100}/);
      else await eventuallyPasses(() => assert.match(String(old.error), /ECONNRESET/));
      old.destroy();
    });
  }
});

describe('an answer before the end of the upload', () => {
  for (const [path, status, text] of [
    ['/early', 413, 'too big'],
    ['/early-close', 413, 'too big'],
    ['/early-kept-open', 403, 'forbidden'],
  ] as const) {
    test(`${path.slice(1)} reaches the client that still sends`, async () => {
      const connection = await connectRaw(proxy.port);
      connection.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`);
      const block = Buffer.alloc(64 * 1024, 'x');
      const sending = setInterval(() => {
        if (connection.socket.writable) connection.write(block);
      }, 5);
      try {
        await connection.until(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\r\\n\\r\\n${text}`));
      } finally {
        clearInterval(sending);
        connection.destroy();
      }
    });
  }
});

test('1xx answers before the final one do no harm', async () => {
  const answer = await get('/hints');
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'ok');
  const old = await getRaw('/hints', 'HTTP/1.0');
  // RFC 9110, section 15.2: no 1xx to an HTTP/1.0 client.
  assert.match(await old.untilClosed(), /^HTTP\/1\.[01] 200 OK\r\n/);
});
