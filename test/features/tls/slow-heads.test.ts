import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { closed } from '../../support/closed.js';
import { eventually } from '../../support/eventually.js';
import {
  connectFrames,
  dripFirstHead,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
} from '../../support/upstreams/http2-frames.js';
import { startSecureServer } from './secure-server.js';

/** The time limit for a head in these tests, in milliseconds. The program's limit is 30 s, which a test in endurance/ waits for. */
const headersTimeout = 1_000;

const { port, ca, abuses, handshakeErrors } = await startSecureServer({ after }, () => {}, {
  headersTimeout,
  requestTimeout: 0,
  connectionsCheckingInterval: 50,
});
after(() => assert.deepEqual(abuses, [], 'slowness is no abuse'));

/** Asserts that a connection stays open up to the time limit, and then ends. */
async function assertCut(connect: () => net.Socket | Promise<net.Socket>): Promise<void> {
  const began = Date.now();
  const socket = await connect();
  socket.resume();
  await closed(socket);
  const took = Date.now() - began;
  // Both timers round to a millisecond.
  assert.ok(took > headersTimeout - 10, `it took ${took} ms`);
}

describe('a connection over TLS', { concurrency: true }, () => {
  it('is closed if it never finishes its handshake, and the log reports its end', async () => {
    await assertCut(() => {
      const silent = net.connect({ host: '127.0.0.1', port });
      // The head of a TLS record that announces more bytes than will come.
      silent.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
      return silent;
    });
    await eventually('the error', () => handshakeErrors.some(({ message }) => /handshake/i.test(message)));
  });

  for (const [what, connect] of [
    [
      'HTTP/1.1 and never finishes a head',
      async () => {
        const http1 = tls.connect({ host: '127.0.0.1', port, ca });
        await once(http1, 'secureConnect');
        http1.write('GET / HTTP/1.1\r\nHost: local');
        return http1;
      },
    ],
    ['HTTP/2 and sends nothing', async () => (await connectFrames(port, ca, { preface: false })).socket],
    ['HTTP/2 and never sends a head', async () => (await connectFrames(port, ca)).socket],
    [
      'HTTP/2 and never ends its first head',
      async () => {
        const half = await connectFrames(port, ca);
        half.send(frame(frameTypes.headers, flags.endStream, 1, headerBlock(get('/version'))));
        return half.socket;
      },
    ],
  ] as const)
    it(`is closed if it uses ${what}`, () => assertCut(connect));

  it('is closed if it uses HTTP/2 and sends its first head one byte at a time', async () => {
    let stopDripping = () => {};
    await assertCut(async () => {
      const drip = await connectFrames(port, ca, { preface: false });
      stopDripping = dripFirstHead(drip, headersTimeout / 10);
      return drip.socket;
    });
    stopDripping();
  });
});
