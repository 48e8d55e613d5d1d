import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';
import { connectRaw, type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { listeners, startBothListeners } from '../../support/proxy/both-listeners.js';
import { ok, startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type Leg, toBytes } from '../leg.js';

const large = 'x'.repeat(3_000_000);

const upstream = await startStrictUpstream((request, socket) => {
  if (request.target === '/small') socket.write(ok('ok'));
  else if (request.target !== '/silent') socket.write(ok(large));
});
const { plain, secure, ca } = await startBothListeners({ after }, upstream);

const connections: Readonly<Record<'plain' | 'secure', () => Promise<RawConnection>>> = {
  plain: () => connectRaw(plain.port),
  secure: async () => {
    const below = net.connect({ host: '127.0.0.1', port: secure.port, allowHalfOpen: true });
    const socket = tls.connect({ socket: below, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    await once(socket, 'secureConnect');
    return watchRaw(socket);
  },
};

const names: Readonly<Record<Leg, string>> = {
  plain: 'a plain request',
  websocket: 'a WebSocket that is refused',
  spdy: 'a SPDY upgrade that is refused',
};

for (const listener of listeners) {
  const connect = connections[listener];
  describe(`over the ${listener} listener, a client gets all of a large answer`, {
    concurrency: true,
  }, () => {
    for (const [leg, name] of Object.entries(names) as [Leg, string][]) {
      const request = toBytes({ leg, target: '/large' });

      test(`to ${name} if it closes its side at once`, async () => {
        const connection = await connect();
        connection.socket.end(request);
        const received = await connection.untilClosed();
        assert.match(received, /^HTTP\/1\.1 200 OK\r\n/);
        assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, large.length);
      });

      // Node itself stops reading from a TLS connection after it has closed its own side.
      if (listener === 'secure') continue;
      test(`to ${name} if it closes its side in the middle`, async () => {
        const connection = await connect();
        connection.write(request);
        await connection.until(/x/);
        connection.socket.end();
        const received = await connection.untilClosed();
        assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, large.length);
      });
    }
  });
}

test('pipelined requests of a client that has closed its side are all answered', async () => {
  const connection = await connectRaw(plain.port);
  connection.socket.end('GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3));
  const received = await connection.untilClosed();
  assert.equal(received.split('\r\n\r\nok').length - 1, 3);
});

test('a client that closes its side in the middle of its request gets a 400', async () => {
  const connection = await connectRaw(plain.port);
  connection.socket.end('GET /small HTTP/1.1\r\nHost: loc');
  assert.match(await connection.untilClosed(), /^HTTP\/1\.1 400 /);
});
