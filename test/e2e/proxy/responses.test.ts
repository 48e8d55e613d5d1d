import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { open } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictStack } from '../../support/upstreams/strict-upstream.js';

function head(status: string, ...headers: string[]): string {
  return `${[`HTTP/1.1 ${status}`, ...headers].join('\r\n')}\r\n\r\n`;
}

/** Cuts the last answer that is to be cut, once its client has its bytes: a reset takes those on the way with it. */
let cut = () => {};

const sized = `${head('200 OK', 'Content-Length: 100')}only these`;
const inChunks = `${head('200 OK', 'Transfer-Encoding: chunked')}a\r\nonly these\r\n`;
/** Answers that are cut once their client has its bytes: the bytes, and the cut. */
const cuts: Readonly<Record<string, readonly [answer: string, cut: (socket: Socket) => void]>> = {
  '/cut-length': [sized, socket => void socket.destroy()],
  '/ended-chunked': [inChunks, socket => void socket.end()],
  // A Node client would see a reset together with the bytes before it as a normal end.
  '/bad-chunk': [inChunks, socket => void socket.write('not a size\r\n')],
};

/** The other answers of the API server. */
const answers: Readonly<Record<string, string>> = {
  '/slow': `${head(
    '429 Too Many Requests',
    'Retry-After: 1',
    'wArNing: 299 - "first"',
    'Set-Cookie: a=1; Path=/',
    'Warning: 299 - "second, with a comma"',
    'Set-Cookie: b=2',
    'X-Empty:',
    'X-Accent: caf\u00e9',
    'Content-Length: 4',
  )}slow`,
  '/early': `${head('413 Request Entity Too Large', 'Connection: close', 'Content-Length: 7')}too big`,
};

const { upstream, proxy } = await startStrictStack(
  { after },
  ({ target }, socket) => {
    const [bytes = answers[target] ?? '', cutNow] = cuts[target] ?? [];
    cut = () => cutNow?.(socket);
    socket.write(bytes);
  },
  { run: startInProcess, scheme: 'https', when: 'head' },
);

/** Sends a GET. */
async function getRaw(path: string, version = 'HTTP/1.1') {
  const connection = await connectRaw(proxy.port);
  connection.write(`GET ${path} ${version}\r\nHost: localhost\r\n\r\n`);
  return connection;
}

test('an answer comes back once, with its status and its fields in order, and the proxy adds its own', async () => {
  const connection = await getRaw('/slow');
  const [answer] = await connection.until(/^[\s\S]*\r\n\r\nslow$/);
  connection.destroy();
  const lines = answer.split('\r\n').slice(0, -2);
  assert.deepEqual(
    lines.map(line => line.trimEnd()).filter(line => !/^(connection|keep-alive):/i.test(line)),
    [
      'HTTP/1.1 429 Too Many Requests',
      'Retry-After: 1',
      'wArNing: 299 - "first"',
      'Set-Cookie: a=1; Path=/slow',
      'Warning: 299 - "second, with a comma"',
      'Set-Cookie: b=2; Path=/slow',
      'X-Empty:',
      // The two bytes of a UTF-8 character, one character per byte.
      'X-Accent: caf\u00c3\u00a9',
      'Content-Length: 4',
      // It has no type, so a browser could take it for a page.
      'X-Content-Type-Options: nosniff',
      "Content-Security-Policy: sandbox allow-downloads; frame-ancestors 'self'",
      'Cross-Origin-Resource-Policy: same-origin',
    ],
  );
  assert.equal(upstream.requests.filter(({ target }) => target === '/slow').length, 1);
});

// cut-answers.test.ts has those without a length.
describe('an answer that is cut half-way', () => {
  for (const path of Object.keys(cuts)) {
    test(`${path.slice(1)} reaches clients of both versions as cut`, async () => {
      const response = await open(proxy.port, path);
      response.on('data', () => cut());
      await assert.rejects(once(response, 'end'), /aborted|ECONNRESET|socket hang up|terminated/);
      const connection = await getRaw(path);
      await connection.until(/only these/);
      cut();
      const answer = await connection.untilClosed();
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*only these/);
      assert.doesNotMatch(answer, /\r\n0\r\n\r\n$/);
      connection.destroy();
      const old = await getRaw(path, 'HTTP/1.0');
      let error: unknown;
      old.socket.on('error', found => {
        error = found;
      });
      await old.until(/only these/);
      cut();
      const received = await old.untilClosed();
      // Without a length, only a reset shows that the answer is cut.
      if (/content-length: 100\r\n/i.test(received)) assert.doesNotMatch(received, /\r\n\r\n.{100}/);
      else await eventuallyPasses(() => assert.match(String(error), /ECONNRESET/));
      old.destroy();
    });
  }
});

test('an answer before the end of the upload reaches the client that still sends', async () => {
  const connection = await connectRaw(proxy.port);
  connection.write('POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n');
  const block = Buffer.alloc(64 * 1024, 'x');
  const sending = setInterval(() => {
    if (connection.socket.writable) connection.write(block);
  }, 5);
  try {
    await connection.until(/^HTTP\/1\.1 413 [\s\S]*\r\n\r\ntoo big/);
  } finally {
    clearInterval(sending);
    connection.destroy();
  }
});
