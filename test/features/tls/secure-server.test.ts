import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { toClientAuthorities } from '../../../src/features/tls/client-certificate/authorities.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { closed } from '../../support/closed.js';
import { startSecureServer } from './secure-server.js';

const clients = await createCertificateAuthority({ commonName: 'clients' });
const alice = await clients.client({ commonName: 'alice' });
const stranger = await (await createCertificateAuthority({ commonName: 'clients' })).client({
  commonName: 'bob',
});
const clientAuthorities = toClientAuthorities(Buffer.from(clients.certificate));

/** Answers with whom the client's certificate is of, and whether it is one of the authorities. */
const { server, port, ca } = await startSecureServer(
  { after },
  ({ socket }, response) => {
    const { authorized } = socket as tls.TLSSocket;
    const { subject } = (socket as tls.TLSSocket).getPeerCertificate();
    response.end(`${subject?.CN} ${authorized}`);
  },
  {},
  () => clientAuthorities,
);
/** Opens a connection and finishes its handshake, or rejects. */
async function connect(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Reads until the end of a connection. */
async function rest(socket: Socket): Promise<string> {
  let received = '';
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
  });
  await closed(socket);
  return received;
}

const plain = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
async function exchange(options: tls.ConnectionOptions = {}): Promise<string> {
  const socket = await connect(options);
  socket.write(plain);
  return rest(socket);
}

describe('a client that speaks no TLS', () => {
  const sentence = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
  for (const [text, answer] of [
    ['GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n', sentence],
    ['HEAD /version HTTP/1.1\r\nHost: localhost\r\n\r\n', sentence],
    ['POST /api/v1/namespaces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}', sentence],
    ['GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', sentence],
    ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n', sentence],
    ['CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', sentence],
    ['SSH-2.0-OpenSSH_9.2\r\n', ''],
    ['\0\0\0\0\0\0\0\0\0\0', ''],
  ] as const)
    it(`gets the sentence of Go’s servers if it speaks HTTP: ${JSON.stringify(text.slice(0, 12))}`, async () => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.write(text);
      const received = await rest(socket);
      if (answer === '') assert.doesNotMatch(received, /HTTP/);
      else assert.equal(received, answer);
      assert.match(await exchange(), /^HTTP\/1\.1 200 /);
    });

  it('is cut off if it goes on sending and does not leave', async () => {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n');
    const sending = setInterval(() => socket.write('x'.repeat(10_000)), 20);
    await rest(socket);
    clearInterval(sending);
    assert.match(await exchange(), /^HTTP\/1\.1 200 /);
  });
});

describe('a handshake', () => {
  for (const [offered, chosen] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const)
    it(`chooses ${chosen || 'HTTP/1.1'} by ALPN from ${offered}`, async () => {
      const socket = await connect(offered && { ALPNProtocols: [...offered] });
      assert.equal(socket.alpnProtocol, chosen);
      socket.destroy();
    });

  it('is told to the server, which may end the connection before it is served', async () => {
    server.once('secureConnection', (socket: tls.TLSSocket) => socket.destroy());
    for (const isServed of [false, true]) assert.equal((await exchange()).length > 0, isServed);
  });

  it('is of TLS 1.2 or 1.3', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await connect({ maxVersion });
      assert.equal(socket.getProtocol(), maxVersion);
      socket.destroy();
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await assert.rejects(connect(old));
  });

  it('of TLS 1.2 has forward secrecy and authenticated encryption', async () => {
    const names = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'];
    for (const ciphers of names.map(name => `ECDHE-ECDSA-${name}`)) {
      const socket = await connect({ maxVersion: 'TLSv1.2', ciphers });
      assert.equal(socket.getCipher().name, ciphers);
      socket.destroy();
    }
    for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA'])
      await assert.rejects(connect({ maxVersion: 'TLSv1.2', ciphers }), ciphers);
  });

  it('asks for a client certificate, and succeeds without one or with one of a stranger', async () => {
    for (const [pair, who] of [
      [alice, 'alice true'],
      [stranger, 'bob false'],
      [undefined, 'undefined false'],
    ] as const) {
      const answer = await exchange({ ...(pair && { cert: pair.certificate, key: pair.key }) });
      assert.ok(answer.includes(who), answer);
    }
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`of ${maxVersion} resumes no session, which would keep its client’s identity`, async () => {
      const own = { cert: alice.certificate, key: alice.key, maxVersion };
      const first = await connect(own);
      let ticket: Buffer | undefined;
      first.on('session', got => {
        ticket = got;
      });
      first.write(plain);
      await rest(first);
      const second = await connect({ ...own, ...(ticket && { session: ticket }) });
      assert.equal(second.isSessionReused(), false);
      second.destroy();
    });
});
