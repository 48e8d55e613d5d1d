import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { within } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { startStack } from '../../support/proxy/stack.js';
import { steady } from '../../support/steady.js';
import { ok, startStrictStack } from '../../support/upstreams/strict-upstream.js';

const megabyte = 1e6;
const { server, proxy, port } = await startStack({ after });

describe('a client that leaves', () => {
  const requests: Readonly<Record<string, string>> = {
    'a watch':
      'GET /api/v1/namespaces/kube-system/pods?watch=true&leaves HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'before the first header': 'GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'in the middle of its upload':
      'POST /half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf',
    'in the middle of a download': 'GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n',
  };

  test('ends its upstream request at once, whenever that is', async () => {
    const stop = server.intercept((request, response) => {
      request.resume();
      if (request.url !== '/endless') return request.url === '/silence' || request.url === '/half';
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.once('close', () => clearInterval(timer));
      return true;
    });
    for (const [when, request] of Object.entries(requests)) {
      const connection = await connectRaw(port);
      connection.write(request);
      const record = await server.waitForRequest(({ rawUrl }) => rawUrl === request.split(' ')[1]);
      if (/watch|download/.test(when)) await connection.until(/\r\n\r\n/);
      connection.socket.resetAndDestroy();
      await within(`end of the upstream request: ${when}`, record.closed);
      assert.equal(record.aborted, true, when);
    }
    stop();
  });
});

test('six slow readers of 40 MB each take little memory, and get all of it later', async () => {
  const size = 40 * megabyte;
  const block = Buffer.alloc(megabyte, 'payload ');
  // Half of them are watches.
  const paths = Array.from({ length: 6 }, (_, index) =>
    index % 2 === 0 ? `/api/v1/events?watch=1&big=${index}` : `/api/v1/events?big=${index}`,
  );
  let produced = 0;
  const stop = server.intercept((request, response) => {
    if (!paths.includes(request.url ?? '')) return false;
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    let left = size / block.length;
    const fill = () => {
      while (left > 0) {
        left -= 1;
        produced += block.length;
        if (!response.write(block)) {
          response.once('drain', fill);
          return;
        }
      }
      response.end();
    };
    fill();
    return true;
  });
  const before = residentBytes(proxy.pid);
  const grown = () => Math.round((residentBytes(proxy.pid) - before) / megabyte);
  const responses = await Promise.all(paths.map(path => open(port, path)));
  await steady(() => produced);
  const most = grown();
  assert.ok(produced < 120 * megabyte, `the API server is held back too, not ${produced} bytes ahead`);
  assert.ok(most < 100, `resident memory grew by ${most} MB`);
  const lengths = await Promise.all(
    responses.map(async response => {
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      await once(response, 'end');
      return length;
    }),
  );
  assert.deepEqual(
    lengths,
    paths.map(() => size),
  );
  // 240 MB have passed. Part of them is garbage that has not been collected, more with each release of Node.
  assert.ok(grown() < 200, `resident memory grew by ${grown()} MB`);
  stop();
});

test('a stale connection causes no failed GET, and no POST that is sent twice', async t => {
  const { upstream, proxy } = await startStrictStack(
    t,
    ({ turn, target }, socket) => {
      if (target === '/warm' || turn === 1) socket.write(ok('ok'));
      else socket.destroy();
    },
    { run: startInProcess, scheme: 'https' },
  );
  for (const [method, status, attempts] of [
    ['GET', 200, [2, 1]],
    ['POST', 502, [2]],
  ] as const) {
    assert.equal((await send(proxy.port, '/warm')).status, 200);
    assert.equal((await send(proxy.port, `/${method}`, { method })).status, status);
    const sent = upstream.requests.filter(({ target }) => target === `/${method}`);
    assert.deepEqual(
      sent.map(({ turn }) => Math.min(turn, 2)),
      attempts,
      'the first one over the connection that was used before',
    );
  }
});
