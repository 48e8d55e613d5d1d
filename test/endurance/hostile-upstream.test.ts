import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open, send } from '../support/clients/http-client.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { openDescriptors, residentBytes, settled } from '../support/proxy/process-state.js';
import type { StrictRequest } from '../support/upstreams/strict-http.js';
import { ok, startStrictStack } from '../support/upstreams/strict-upstream.js';

const poison = ok('poison');
const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';

/** Writes the same text again and again, as fast as the peer reads it. */
function flood(socket: Socket, text: string): void {
  const more = () => {
    while (!socket.destroyed && socket.write(text));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}

const answers: Readonly<Record<string, (socket: Socket, request: StrictRequest) => void>> = {
  '/more-than-its-length': socket => socket.write(`${ok('ok')}${poison}`),
  // Only when no request is in flight, because at any other time it is read as the next answer.
  '/late-more': socket => {
    socket.write(ok('ok'));
    setTimeout(() => socket.write(poison), 20);
    socket.once('close', () => {
      lateMoreClosed += 1;
    });
  },
  '/head-with-a-body': socket =>
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`),
  '/204-with-a-body': socket => socket.write(`HTTP/1.1 204 No Content\r\n\r\n${poison}`),
  '/304-with-a-body': socket =>
    socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`),
  '/chunks-and-more': socket =>
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${poison}`),
  '/100-hints': socket => socket.write(hint.repeat(100) + ok('ok')),
  '/hints-for-ever': socket => flood(socket, hint.repeat(100)),
  '/head-for-ever': socket => {
    socket.write('HTTP/1.1 200 OK\r\n');
    flood(socket, `X: ${'y'.repeat(1000)}\r\n`);
  },
  '/trailers-for-ever': socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n');
    flood(socket, `X: ${'y'.repeat(1000)}\r\n`);
  },
  '/chunk-extension-for-ever': socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=');
    flood(socket, 'y'.repeat(1000));
  },
};

let lateMoreClosed = 0;
const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => {
    const answer = answers[request.target];
    if (answer !== undefined) answer(socket, request);
    else if (request.method === 'HEAD') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    else socket.write(ok('fine'));
  },
  { when: 'head' },
);

async function isFine(): Promise<void> {
  assert.equal((await send(proxy.port, '/fine')).text, 'fine');
  assert.equal(proxy.process.exitCode, null);
  assert.doesNotMatch(proxy.stderr(), /uncaught|unhandled/);
}

describe('an answer with more bytes after it', () => {
  for (const [target, method, status] of [
    ['/more-than-its-length', 'GET', [200, 502]],
    ['/late-more', 'GET', [200]],
    ['/head-with-a-body', 'HEAD', [200, 502]],
    ['/204-with-a-body', 'GET', [204, 502]],
    ['/304-with-a-body', 'GET', [304, 502]],
    ['/chunks-and-more', 'GET', [200, 502]],
  ] as const) {
    test(`(${target}) has no effect on the next request, which another client sends`, async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        const first = await send(proxy.port, target, { method }).catch(() => undefined);
        if (first !== undefined) {
          assert.ok((status as readonly number[]).includes(first.status), String(first.status));
          assert.doesNotMatch(first.text, /poison/);
        }
        if (target === '/late-more') assert.equal(await settled(() => turn + 1 - lateMoreClosed, 0), 0);
        else if (turn % 2 === 0) await delay(turn * 3);
        assert.equal((await send(proxy.port, '/fine')).text, 'fine');
      }
      await isFine();
    });
  }
});

describe('an API server that never finishes its answer', () => {
  test('but sends a hundred informational answers first gets time for it', async () => {
    assert.equal((await send(proxy.port, '/100-hints')).text, 'ok');
  });

  for (const [target, expected] of [
    ['/hints-for-ever', undefined],
    ['/head-for-ever', 502],
    ['/trailers-for-ever', 'cut'],
    ['/chunk-extension-for-ever', 'cut'],
  ] as const) {
    test(`(${target}) fills no memory, and its connection ends at the latest with its client`, {
      timeout: 240_000,
    }, async () => {
      const memory = residentBytes(proxy.pid);
      const connection = await connectRaw(proxy.port);
      connection.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      if (expected === 502) await connection.until(/^HTTP\/1\.1 502 [\s\S]*too large/);
      await connection.untilClosed(1500).catch(() => {});
      await isFine();
      const growth = residentBytes(proxy.pid) - memory;
      assert.ok(growth < 100e6, `it grew by ${Math.round(growth / 1e6)} MB`);
      // After a close (FIN) the program would still wait up to 25 s for the answer.
      connection.socket.resetAndDestroy();
      const busy = () => [...upstream.sockets].filter(socket => socket.writableLength > 0).length;
      assert.equal(await settled(busy, 0), 0, 'the upstream connection is still read');
    });
  }
});

test('the hostile answers leave nothing open', async () => {
  const left = await settled(() => openDescriptors(proxy.pid) - upstream.sockets.size, 30);
  assert.ok(left <= 30, `${left} descriptors`);
  const watch = await open(proxy.port, '/fine');
  watch.resume();
});
