import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { startBothListeners } from '../support/both-listeners.js';
import { type RawConnection, watchRaw } from '../support/raw-http.js';
import { ok, startStrictUpstream } from '../support/strict-upstream.js';

/** More than the kernel's buffers hold for a client that does not read. */
const large = 16 * 1024 * 1024;
const body = 'b'.repeat(40_000);

/** The upstream connection of the large answer. */
let answering: net.Socket | undefined;

const upstream = await startStrictUpstream((request, socket) => {
  if (request.target === '/large') {
    answering = socket;
    socket.write(ok('x'.repeat(large)));
  } else socket.write(ok(`${request.method} ${request.target} ${request.body.length}`));
});
const { plain, secure, ca } = await startBothListeners({ after }, upstream);

const listeners: Readonly<Record<string, () => Promise<RawConnection>>> = {
  'plain HTTP': async () => {
    const socket = net.connect({ host: '127.0.0.1', port: plain.port });
    await once(socket, 'connect');
    return watchRaw(socket);
  },
  TLS: async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: secure.port, ca, ALPNProtocols: ['http/1.1'] });
    await once(socket, 'secureConnect');
    return watchRaw(socket);
  },
};

/** Waits until the program reads no more of the large answer. */
async function untilHeldBack(): Promise<void> {
  type Handle = { readonly _handle?: { readonly writeQueueSize: number } };
  let before = -1;
  for (;;) {
    const left = (answering as (net.Socket & Handle) | undefined)?._handle?.writeQueueSize ?? 0;
    if (left > 0 && left === before) return;
    before = left;
    await delay(50);
  }
}

for (const [listener, connect] of Object.entries(listeners)) {
  test(`requests with bodies after a large answer that is read late are answered over ${listener}`, async () => {
    answering = undefined;
    const connection = await connect();
    connection.socket.pause();
    connection.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await untilHeldBack();
    // Three TLS records in one write.
    await new Promise(resolve =>
      connection.socket.write(
        `POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
          'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        resolve,
      ),
    );
    connection.socket.resume();
    const all = await connection.untilClosed();
    assert.match(all.slice(-1000), /POST \/body 40000HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nGET \/last 0$/);
    assert.ok(all.length > large);
  });
}
