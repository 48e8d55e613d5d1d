import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connectRaw } from '../support/clients/raw-http.js';
import { listen } from '../support/ports.js';
import { type ProxyApp, startProxyApp } from './proxy-app.js';

const requests = {
  'a plain request': 'GET /refused HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'an upgrade': 'GET /refused HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
};
const heads = {
  'with a length': 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nhalf',
  'in chunks': 'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf',
  'without a length': 'HTTP/1.1 401 Unauthorized\r\n\r\nhalf',
};

let upstream: net.Server;
let app: ProxyApp;
let head = '';
/** The connection of the last 401. */
let refusing: net.Socket | undefined;
/** The search for another credential, which breaks the 401 off and finds none. */
let lookForAnother: () => Promise<void>;

before(async () => {
  upstream = net.createServer(socket => {
    refusing = socket;
    socket.on('error', () => {}).once('data', () => socket.write(head));
  });
  await listen(upstream);
  app = await startProxyApp({
    upstreamPort: (upstream.address() as AddressInfo).port,
    patience: 25_000,
    refused: async () => {
      await lookForAnother();
      return undefined;
    },
  });
});

after(async () => {
  await app?.close();
  upstream?.close();
});

for (const [what, request] of Object.entries(requests)) {
  for (const [how, answer] of Object.entries(heads)) {
    for (const end of ['destroy', 'resetAndDestroy'] as const) {
      // An answer without a length ends with a clean end of its connection.
      const isCut = how !== 'without a length' || end === 'resetAndDestroy';
      test(`a 401 ${how} to ${what} that ${end} breaks off during the search for another credential reaches the client ${isCut ? 'cut' : 'whole'}`, async () => {
        head = answer;
        lookForAnother = async () => {
          const socket = refusing as net.Socket;
          socket[end]();
          await once(socket, 'close');
          // By then the proxy, in the same process, has seen the end. The answer is the same if it has not.
          for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
        };
        const client = await connectRaw(app.port);
        client.write(request);
        if (isCut) {
          const received = await client.untilClosed();
          assert.match(received, /^HTTP\/1\.1 401 Unauthorized\r\n/);
          assert.doesNotMatch(received, /\r\n0\r\n\r\n$/);
        } else await client.until(/half\r\n0\r\n\r\n$/);
        client.destroy();
      });
    }
  }
}
