import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { createDial } from '../../../src/transport/dial/dial.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { listenFor } from '../../support/ports.js';

const day = 86_400_000;

describe('a TLS session with the API server', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`is resumed until a certificate of the server's chain has expired, over ${version}`, async t => {
      let now = Date.now();
      t.mock.method(Date, 'now', () => now);
      const authority = await createCertificateAuthority({ notAfter: new Date(now + 9 * day) });
      const intermediate = await authority.intermediate({ notAfter: new Date(now + day) });
      const { certificate, key } = await intermediate.server({ notAfter: new Date(now + 9 * day) });
      const resumed: boolean[] = [];
      const server = tls.createServer({ cert: certificate, key, maxVersion: version }, socket => {
        resumed.push(socket.isSessionReused());
        socket
          .on('error', () => {})
          .end('x')
          .resume();
      });
      const port = await listenFor(t, server);
      const dial = createDial({
        server: { protocol: 'https:', hostname: '127.0.0.1', path: '', port },
        secureContext: () => tls.createSecureContext({ ca: authority.certificate }),
        insecureSkipTlsVerify: false,
        keepAlive: 0,
      });
      const connect = async () => {
        const socket = await new Promise<Socket>((resolve, reject) => {
          dial((error, ready) => (ready === null ? reject(error) : resolve(ready)));
        });
        socket.end().resume();
        await once(socket, 'close');
      };
      await connect();
      now += day - 5_000;
      await connect();
      await connect();
      now += 5_000;
      await connect();
      assert.deepEqual(resumed, [false, true, true, false]);
    });
  }
});
