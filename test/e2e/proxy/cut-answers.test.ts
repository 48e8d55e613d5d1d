import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { reset, startStrictStack } from '../../support/upstreams/strict-upstream.js';

/** How often each case is tried: without the check, at least a fifth of the answers looked complete. */
const tries = 20;

/** What a client receives until its connection ends, and whether that was reset. */
async function receive(port: number, request: string) {
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
  const text = await connection.untilClosed();
  connection.destroy();
  return { text, wasReset };
}

const schemes = ['http', 'https'] as const;
const stacks = await Promise.all(
  schemes.map(scheme =>
    startStrictStack(
      { after },
      (_request, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${'x'.repeat(100)}`);
        reset(socket);
      },
      { scheme },
    ),
  ),
);

for (const [index, scheme] of schemes.entries()) {
  const port = stacks[index]?.proxy.port ?? 0;
  for (const [what, request] of [
    ['of HTTP/1.1', 'GET /cut HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'whose upgrade it refuses',
      'GET /cut HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n',
    ],
    ['of HTTP/1.0', 'GET /cut HTTP/1.0\r\nHost: localhost\r\n'],
  ] as const) {
    test(`an ${scheme} API server that resets its connection right after an answer without a length gives a client ${what} no whole answer`, async () => {
      for (let turn = 0; turn < tries; turn += 1) {
        const { text, wasReset } = await receive(port, `${request}\r\n`);
        assert.doesNotMatch(text, /\r\n0\r\n\r\n$/, `turn ${turn}`);
        // Only a reset shows it to HTTP/1.0.
        if (what === 'of HTTP/1.0') assert.ok(wasReset || text.startsWith('HTTP/1.1 502 '), `turn ${turn}`);
      }
    });
  }
}
