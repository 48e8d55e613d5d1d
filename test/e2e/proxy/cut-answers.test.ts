import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { reset, startStrictStack } from '../../support/upstreams/strict-upstream.js';

/** How often each case is tried: without the check, at least a fifth of the answers looked complete. */
const tries = 20;
const text = 'x'.repeat(100);

/** What a client receives, and whether its connection was reset. */
interface Received {
  readonly text: string;
  readonly wasReset: boolean;
}

async function receive(port: number, request: string): Promise<Received> {
  const connection = await connectRaw(port);
  let wasReset = false;
  const { socket } = connection;
  socket.once('error', () => {
    wasReset = true;
  });
  // Node reports a reset directly after bytes as an end.
  socket.once('end', () => {
    wasReset ||= socket.remoteAddress === undefined;
  });
  connection.write(request);
  const received = await connection.untilClosed();
  connection.destroy();
  return { text: received, wasReset };
}

const start = (scheme: 'http' | 'https') =>
  startStrictStack(
    { after },
    (_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${text}`);
      reset(socket);
    },
    { scheme },
  );
const [http, https] = await Promise.all([start('http'), start('https')]);

for (const [scheme, { proxy }] of Object.entries({ http, https })) {
  describe(`an ${scheme} API server that resets its connection right after an answer without a length`, () => {
    test('gives an HTTP/1.1 client an answer without its last chunk', async () => {
      for (let turn = 0; turn < tries; turn += 1) {
        const received = await receive(proxy.port, 'GET /cut HTTP/1.1\r\nHost: localhost\r\n\r\n');
        assert.doesNotMatch(received.text, /\r\n0\r\n\r\n$/, `turn ${turn}`);
      }
    });

    test('gives a client whose upgrade it refuses an answer without its last chunk', async () => {
      for (let turn = 0; turn < tries; turn += 1) {
        const request = 'GET /cut HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
        const received = await receive(proxy.port, request);
        assert.doesNotMatch(received.text, /\r\n0\r\n\r\n$/, `turn ${turn}`);
      }
    });

    test('gives an HTTP/1.0 client a reset', async () => {
      for (let turn = 0; turn < tries; turn += 1) {
        const received = await receive(proxy.port, 'GET /cut HTTP/1.0\r\nHost: localhost\r\n\r\n');
        assert.ok(received.wasReset || received.text.startsWith('HTTP/1.1 502 '), `turn ${turn}`);
      }
    });
  });
}
