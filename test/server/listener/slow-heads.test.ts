import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { openSslCiphers } from '../../../src/server/listener/cipher-suites.js';
import { serveTls } from '../../../src/server/listener/secure-server.js';
import { sharedIdentity } from '../../support/certificates.js';
import { eventually } from '../../support/eventually.js';
import {
  connectFrames,
  dripFirstHead,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
} from '../../support/http2-frames.js';

/** Milliseconds that a head may take here; the program gives it 30 s, which a test in endurance/ waits for. */
const headersTimeout = 1_000;

const { authority, serverCertificate } = await sharedIdentity();
const ca = authority.certificate;
const handshakeErrors: Error[] = [];
const server = createServer({ headersTimeout, requestTimeout: 0, connectionsCheckingInterval: 50 });
serveTls(server, {
  files: {
    current: {
      pair: {
        certificate: Buffer.from(serverCertificate.certificate),
        key: Buffer.from(serverCertificate.key),
        notAfter: new Date(),
      },
      clientAuthorities: undefined,
    },
  },
  minVersion: 'TLSv1.2',
  ciphers: openSslCiphers([]),
  onHandshakeError: error => handshakeErrors.push(error),
  onAbuse: () => assert.fail('slowness is no abuse'),
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
after(() => {
  server.close();
  server.closeAllConnections();
});

/** Asserts that the connection goes on for as long as a head may take, and then ends. */
async function assertCut(socket: net.Socket): Promise<void> {
  const began = Date.now();
  socket.on('error', () => {}).resume();
  if (!socket.closed) await once(socket, 'close');
  const took = Date.now() - began;
  // Timers of the two sides round to a millisecond each, and the time begins with what was sent before.
  assert.ok(took > headersTimeout / 2, `it took ${took} ms`);
}

describe('a connection over TLS', { concurrency: true }, () => {
  it('that never finishes its handshake is cut off, and its end is told', async () => {
    const silent = net.connect({ host: '127.0.0.1', port });
    // The head of a TLS record that announces more than ever comes.
    silent.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    await assertCut(silent);
    await eventually('the error', () => handshakeErrors.some(({ message }) => /handshake/i.test(message)));
  });

  it('of HTTP/1.1 that never finishes a head is cut off', async () => {
    const http1 = tls.connect({ host: '127.0.0.1', port, ca });
    await once(http1, 'secureConnect');
    http1.write('GET / HTTP/1.1\r\nHost: local');
    await assertCut(http1);
  });

  it('of HTTP/2 that sends nothing is cut off', async () => {
    await assertCut((await connectFrames(port, ca, { preface: false })).socket);
  });

  it('of HTTP/2 that never sends a head is cut off', async () => {
    await assertCut((await connectFrames(port, ca)).socket);
  });

  it('of HTTP/2 that never ends its first head is cut off', async () => {
    const half = await connectFrames(port, ca);
    half.send(frame(frameTypes.headers, flags.endStream, 1, headerBlock(get('/version'))));
    await assertCut(half.socket);
  });

  it('of HTTP/2 that sends its first head a byte at a time is cut off', async () => {
    const drip = await connectFrames(port, ca, { preface: false });
    const stopDripping = dripFirstHead(drip, headersTimeout / 10);
    await assertCut(drip.socket);
    stopDripping();
  });
});
