import assert from 'node:assert/strict';
import http from 'node:http';
import net, { type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { listen } from '../../support/ports.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { health } from '../credential-probe.js';
import { assertStatus, send } from '../leg.js';

const hint = /\(400\); should the server URL begin with https:\/\/ instead\?$/;

async function readinessWith(t: TestContext, protocol: 'http' | 'https', server: Server): Promise<string> {
  const proxy = await startBefore(t, protocol, server);
  const { status, text } = await health(proxy, 'readyz');
  assert.equal(status, 500, text);
  return text;
}

async function startBefore(t: TestContext, protocol: 'http' | 'https', server: Server) {
  const port = await listen(server);
  t.after(() => server.close());
  const proxy = await startProxy([`--server=${protocol}://127.0.0.1:${port}`]);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

test('plain HTTP to a port that speaks TLS is not ready, and says what to change, to its clients too', async t => {
  // The answer of Go's net/http, and so of every API server.
  const answer = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
  const server = net.createServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  });
  const proxy = await startBefore(t, 'http', server);
  for (const leg of ['plain', 'websocket', 'spdy'] as const) {
    assert.match(assertStatus(await send(proxy.port, { leg, target: '/api/v1/pods' }), 502, leg), hint);
  }
  const { text } = await health(proxy, 'readyz');
  assert.match(
    text,
    /^\[-\]upstream failed: .*\(400\); should the server URL begin with https:\/\/ instead\?$/m,
  );
});

test('plain HTTP that is redirected is not ready', async t => {
  const server = http.createServer((request, response) => {
    response.writeHead(308, { Location: `https://127.0.0.1${request.url}` }).end();
  });
  const text = await readinessWith(t, 'http', server);
  assert.match(
    text,
    /^\[-\]upstream failed: .*\(308\); should the server URL begin with https:\/\/ instead\?$/m,
  );
});

test('TLS to a port that speaks plain HTTP is not ready, and says what to change', async t => {
  const text = await readinessWith(t, 'https', http.createServer());
  assert.match(text, /^\[-\]upstream failed: .*should the server URL begin with http:\/\/ instead\?$/m);
});
