import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startProxy } from '../support/proxy/proxy.js';
import { createRandom } from '../support/random.js';

const long = process.env['ENDURANCE'] !== undefined;
/** How many watches are opened over each kind of connection, and how many at a time (`parallel`). */
const count = long ? 1500 : 16;
const parallel = 8;
const seed = Number(process.env['SEED'] ?? 1);
const random = createRandom(seed);

/** One event of 1.3 MB, whose pattern repeats only after 9,973 bytes. */
const event = Buffer.alloc(
  1_300_000,
  Buffer.from(Array.from({ length: 9973 }, (_, index) => (index * 7) % 250)),
);

/** Writes the event in pieces of one kind, as fast as they are read, sometimes with a turn of the event loop in between. */
async function writeEvent(response: ServerResponse): Promise<void> {
  const largest = random.pick([event.length, 60_000, 16_384, 9000, 3000]);
  for (let at = 0; at < event.length && !response.destroyed; ) {
    const piece = event.subarray(at, at + 1 + random.below(largest));
    at += piece.length;
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    else if (random.chance(0.1)) await new Promise(setImmediate);
  }
}

function serve({ url }: IncomingMessage, response: ServerResponse): void {
  response.setMaxListeners(0);
  if (url?.includes('watch') !== true) response.writeHead(404).end('{}');
  else void writeEvent(response.writeHead(200, { 'content-type': 'application/json' })).catch(() => {});
}

/** Reads the event of a watch, sometimes with pauses, and then leaves. Rejects if nothing comes for 30 s. */
function readEvent(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chance = random.pick([0, 0.02, 0.2]);
    const request = http.get({ host: '127.0.0.1', port, path: '/api/v1/pods?watch=1', agent: false });
    let length = 0;
    request.setTimeout(30_000, () => {
      const before = length;
      // If this process itself has stood still, its timers run before it reads the bytes that have come meanwhile.
      setTimeout(() => {
        if (length === before) request.destroy(new Error(`nothing came for 30 s after ${length} bytes`));
      }, 1000);
    });
    request.on('error', reject).once('response', response => {
      const pieces: Buffer[] = [];
      response.on('error', reject).on('data', (piece: Buffer) => {
        length += piece.length;
        pieces.push(piece);
        if (length >= event.length) {
          resolve(Buffer.concat(pieces));
          response.destroy();
        } else if (random.chance(chance)) {
          response.pause();
          setTimeout(() => response.resume(), random.below(20));
        }
      });
    });
  });
}

type Serve = (request: IncomingMessage, response: ServerResponse) => void;
const servers: Readonly<
  Record<string, (pair: { readonly cert: string; readonly key: string }, serve: Serve) => Server>
> = {
  'plain HTTP/1.1': (_pair, serve) => http.createServer(serve),
  'HTTP/1.1 in TLS': (pair, serve) => https.createServer({ ...pair, ALPNProtocols: ['http/1.1'] }, serve),
  'HTTP/2': (pair, serve) => http2.createSecureServer(pair, serve as never) as unknown as Server,
};

describe(`an event of 1.3 MB in a watch (seed ${seed})`, { concurrency: false, timeout: 900_000 }, () => {
  for (const [kind, create] of Object.entries(servers)) {
    test(`arrives whole over ${kind}, ${count} times`, async t => {
      const authority = await createCertificateAuthority();
      const { certificate: cert, key } = await authority.server();
      const server = create({ cert, key }, serve);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const scheme = kind === 'plain HTTP/1.1' ? 'http' : 'https';
      const kubeconfig = await writeKubeconfig({
        server: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
        ca: authority.certificate,
      });
      const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, '--log-requests=none']);
      t.after(async () => {
        await proxy.stop('SIGKILL');
        server.close();
      });
      let left = count;
      const readOn = async () => {
        for (; left > 0; left -= 1) assert.ok((await readEvent(proxy.port)).equals(event));
      };
      await Promise.all(Array.from({ length: parallel }, readOn));
    });
  }
});
