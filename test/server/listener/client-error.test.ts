import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { isAnswered, refuseBadRequest } from '../../../src/server/listener/client-error.js';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { connectRaw, type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { listen } from '../../support/ports.js';

const { authority, serverCertificate } = await sharedIdentity();
const identity = { cert: serverCertificate.certificate, key: serverCertificate.key };

async function connectTls(port: number): Promise<RawConnection> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.certificate });
  await once(socket, 'secureConnect');
  return watchRaw(socket);
}

/** Both ends of one connection, the server's first. */
async function connect(t: TestContext): Promise<{ socket: Socket; client: RawConnection }> {
  const server = net.createServer();
  t.after(() => server.close());
  await listen(server);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await connectRaw((server.address() as AddressInfo).port);
  t.after(() => client.destroy());
  const [socket] = await accepted;
  t.after(() => socket.destroy());
  return { socket, client };
}

function status(answer: string): { code: number; reason: string; message: string } {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 \d{3} \w/);
  assert.match(head, /Connection: close/i);
  assert.match(head, new RegExp(`Content-Length: ${body.length}`, 'i'));
  const parsed = JSON.parse(body);
  assert.equal(parsed.kind, 'Status');
  assert.match(head, new RegExp(`^HTTP/1.1 ${parsed.code} `));
  return parsed;
}

function failure(code: string): Error & { code: string } {
  return Object.assign(new Error('Parse Error: secret-bytes'), { code });
}

describe('a malformed request', () => {
  for (const [error, code] of [
    ['HPE_INVALID_METHOD', 400],
    ['HPE_HEADER_OVERFLOW', 431],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ] as const) {
    it(`is answered with a Status ${code} for ${error}, and the connection ends`, async t => {
      const { socket, client } = await connect(t);
      refuseBadRequest(failure(error), socket);
      const answer = await client.untilClosed();
      assert.equal(status(answer).code, code);
      assert.doesNotMatch(answer, /secret-bytes/);
    });
  }

  for (const [protocol, createServer, connectTo] of [
    ['http', () => http.createServer(), connectRaw],
    ['https', () => https.createServer(identity), connectTls],
  ] as const) {
    it(`is answered over ${protocol} to a client that sends megabytes before it reads, and the connection ends`, async t => {
      const server = createServer();
      t.after(() => server.close().closeAllConnections());
      await listen(server);
      let answers = 0;
      server.on('clientError', (error: Error, socket: Socket) => {
        if (isAnswered(socket)) return;
        answers += 1;
        refuseBadRequest(error, socket);
      });
      const client = await connectTo((server.address() as AddressInfo).port);
      t.after(() => client.destroy());
      const errors: Error[] = [];
      client.socket.on('error', error => errors.push(error)).pause();
      client.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`);
      for (let part = 0; part < 40; part++) {
        await new Promise<unknown>(resolve => client.socket.write(Buffer.alloc(100_000, 'x'), resolve));
      }
      client.socket.resume();
      assert.equal(status(await client.untilClosed()).code, 431);
      assert.deepEqual([errors, answers], [[], 1]);
    });
  }

  it('is not answered if the client has reset the connection', async t => {
    const { socket, client } = await connect(t);
    refuseBadRequest(failure('ECONNRESET'), socket);
    assert.equal(await client.untilClosed(), '');
    assert.ok(socket.destroyed);
  });
});
