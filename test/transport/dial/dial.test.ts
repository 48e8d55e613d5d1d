import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { Deferred } from '../../../src/lib/promises.js';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import {
  createDial,
  type Dial,
  type DialOptions,
  lazySecureContext,
} from '../../../src/transport/dial/dial.js';
import type { SwitchedResponse } from '../../../src/transport/round-trip.js';
import { toUpstreamError, UpstreamError } from '../../../src/transport/upstream-error.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { until } from '../../support/eventually.js';
import { listenFor } from '../../support/ports.js';
import { RecordedResponse, requestTo, sendOn } from '../../support/transport/recorded-response.js';
import {
  createHalfOpenServer,
  type ForwardProxy,
  type ForwardProxyOptions,
  startConnectProxy,
  startNamingProxy,
  startSocksProxy,
} from '../../support/upstreams/forward-proxy.js';
import { WellKnownAuthority } from './well-known-authority.js';

function failure(cause: Error): UpstreamError {
  const error = toUpstreamError(cause, 'api:6443');
  assert.ok(error instanceof UpstreamError);
  return error;
}

const authority = await createCertificateAuthority();
const serverPair = await authority.server();
const client = await authority.client({ commonName: 'jane' });
const proxyAuthority = await createCertificateAuthority({ commonName: 'proxy' });
const proxyPair = await proxyAuthority.server();
new WellKnownAuthority(proxyAuthority.certificate);
const secureContext = lazySecureContext(Buffer.from(authority.certificate), {
  clientCertificate: {
    ...{ certificate: Buffer.from(client.certificate), key: Buffer.from(client.key) },
    notAfter: new Date(Date.now() + 3_600_000),
  },
});

const proxies = {
  'an HTTP proxy': { protocol: 'http:', start: startConnectProxy },
  'an HTTPS proxy': {
    protocol: 'https:',
    start: (options?: ForwardProxyOptions) => startConnectProxy({ ...options, certificate: proxyPair }),
  },
  'a SOCKS5 proxy': { protocol: 'socks5:', start: startSocksProxy },
} as const;

interface ApiServer {
  readonly port: number;
  /** For each TLS connection so far: whether its session was resumed, whose certificate it presented, the protocol that it offered, and its SNI. */
  readonly handshakes: {
    readonly resumed: boolean;
    readonly user: string | undefined;
    readonly protocol: string | false | null;
    readonly name: string | false | undefined;
  }[];
}

/** Answers GET with its path, and an upgrade with 101 and an echo that ends after the client's end. */
async function startApiServer(t: TestContext, protocol: 'https:' | 'http:'): Promise<ApiServer> {
  const handshakes: ApiServer['handshakes'] = [];
  const options = {
    cert: serverPair.certificate,
    key: serverPair.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const server = protocol === 'https:' ? createHalfOpenServer(options) : http.createServer();
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    const { subject } = socket.getPeerCertificate();
    handshakes.push({
      resumed: socket.isSessionReused(),
      user: subject === undefined ? undefined : String(subject.CN),
      protocol: socket.alpnProtocol,
      name: (socket as { servername?: string | false }).servername,
    });
  });
  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    response.end(`path ${request.url}`);
  });
  server.on('upgrade', (_request: http.IncomingMessage, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.on('error', () => {}).pipe(socket);
  });
  return { port: await listenFor(t, server), handshakes };
}

function dialOptions(
  protocol: 'https:' | 'http:',
  port: number,
  proxy?: ForwardProxy,
  proxyProtocol: 'http:' | 'https:' | 'socks5:' = 'http:',
): DialOptions {
  return {
    server: { protocol, hostname: '127.0.0.1', port, path: '' },
    secureContext,
    insecureSkipTlsVerify: false,
    keepAlive: 30_000,
    proxy: proxy && { protocol: proxyProtocol, hostname: '127.0.0.1', port: proxy.port },
  };
}

/** An API server, and a dial to it through a proxy; both end after the test. */
async function route(t: TestContext, kind: keyof typeof proxies, protocol: 'https:' | 'http:' = 'https:') {
  const { protocol: proxyProtocol, start } = proxies[kind];
  const proxy = await start();
  t.after(() => proxy.close());
  const api = await startApiServer(t, protocol);
  /** What was measured of each connection: whether it took time to connect, and whether TLS did. */
  const measured: (readonly [connects: boolean, secures: boolean])[] = [];
  const options = {
    ...dialOptions(protocol, api.port, proxy, proxyProtocol),
    onConnect: (connect: number, secure?: number) => measured.push([connect > 0, (secure ?? 0) > 0]),
  };
  return { proxy, api, options, dial: createDial(options), measured };
}

function connect(dial: Dial): Promise<Socket> {
  return new Promise((resolve, reject) => {
    dial((error, socket) => (socket === null ? reject(error) : resolve(socket)));
  });
}

/** What comes back after an upgrade whose client has sent `hello` and then its end. */
function echoed(dial: Dial): Promise<string> {
  return new Promise((resolve, reject) => {
    const refused = new RecordedResponse();
    refused.over.then(({ status, failure }) => reject(failure ?? new Error(`answered ${status}`)));
    const sink = Object.assign(refused, {
      switched({ socket }: SwitchedResponse) {
        socket.once('end', () => resolve(refused.text)).once('error', reject);
        socket.end('hello');
        return refused;
      },
    });
    const headers = ['Connection', 'Upgrade', 'Upgrade', 'echo'];
    new ConnectionPool(dial).connect({ maySwitch: true }).send(requestTo('/exec', { headers }), sink);
  });
}

for (const kind of Object.keys(proxies) as (keyof typeof proxies)[]) {
  for (const protocol of ['https:', 'http:'] as const) {
    describe(`a server at ${protocol}// through ${kind}`, () => {
      it('answers requests in sequence on one connection, with TCP keep-alive and no delay, and measures how it was opened', async t => {
        const keepAlive = t.mock.method(net.Socket.prototype, 'setKeepAlive');
        const noDelay = t.mock.method(net.Socket.prototype, 'setNoDelay');
        const { proxy, dial, measured } = await route(t, kind, protocol);
        const pool = new ConnectionPool(dial);
        for (const path of ['/one', '/two']) {
          const { text } = await sendOn(pool.acquire(), path).over;
          assert.equal(text, `path ${path}`);
          while (pool.counts.idle === 0) await sleep(1);
        }
        assert.equal(proxy.requests.length, 1);
        assert.deepEqual(measured, [[true, protocol === 'https:']]);
        const toProxy = ({ mock }: typeof keepAlive | typeof noDelay) =>
          mock.calls
            .filter(({ this: socket }) => (socket as Socket).remotePort === proxy.port)
            .map(call => call.arguments);
        assert.deepEqual([toProxy(keepAlive), toProxy(noDelay)], [[[true, 30_000]], [[true]]]);
        pool.destroy();
        await proxy.untilUnused();
      });

      it('accepts upgrades, which stay half-open', async t => {
        const { proxy, api, dial } = await route(t, kind, protocol);
        assert.equal(await echoed(dial), 'hello');
        await proxy.untilUnused();
        assert.equal(proxy.requests[0]?.target, `127.0.0.1:${api.port}`);
      });

      it('leaves nothing open if the dialling is aborted, before or after the connection opens', async t => {
        const { proxy, dial } = await route(t, kind, protocol);
        for (const wait of [0, 1, 2, 3, 4, 6, 8, 50]) {
          const calls: unknown[] = [];
          const dialled = dial((error, socket) => {
            socket?.on('error', () => {});
            calls.push(error);
          });
          if (wait > 0) await sleep(wait);
          dialled.destroy();
          await proxy.untilUnused();
          await until(() => calls.length > 0);
          await sleep(1);
          assert.equal(calls.length, 1);
        }
      });

      it('causes a reset when the proxy dies, and the process continues', async t => {
        const { proxy, dial } = await route(t, kind, protocol);
        const socket = await connect(dial);
        const failed = once(socket.resume(), 'error') as Promise<[Error]>;
        proxy.dropConnections();
        const writing = setInterval(() => socket.write('x'), 5);
        t.after(() => clearInterval(writing));
        assert.equal(failure((await failed)[0]).reason, 'reset');
      });
    });
  }

  describe(`TLS through ${kind}`, () => {
    it('shows the client certificate to the API server, and resumes its session', async t => {
      const { api, dial } = await route(t, kind);
      for (let turn = 0; turn < 2; turn += 1) {
        const socket = await connect(dial);
        socket.write('GET / HTTP/1.1\r\nHost: api\r\n\r\n');
        await once(socket, 'data');
        socket.destroy();
      }
      assert.deepEqual(api.handshakes, [
        { resumed: false, user: 'jane', protocol: 'http/1.1', name: false },
        { resumed: true, user: 'jane', protocol: 'http/1.1', name: false },
      ]);
    });

    it("verifies the API server's authority and name", async t => {
      const { options } = await route(t, kind);
      for (const [wrong, reason] of [
        [
          { secureContext: () => tls.createSecureContext({ ca: proxyAuthority.certificate }) },
          'tls_unknown_authority',
        ],
        [{ tlsServerName: 'elsewhere.test' }, 'tls_wrong_name'],
      ] as const) {
        const error = await connect(createDial({ ...options, ...wrong })).catch((failure: Error) => failure);
        assert.ok(error instanceof Error);
        assert.equal(failure(error).reason, reason);
      }
    });

    it('fails if the proxy corrupts its stream, and the process continues', async t => {
      const { proxy, dial } = await route(t, kind);
      const socket = await connect(dial);
      const failed = once(socket.resume(), 'error') as Promise<[Error]>;
      proxy.corruptConnections();
      assert.match(failure((await failed)[0]).reason, /^(tls|reset)$/);
      await proxy.untilUnused();
    });

    it('causes a reset if the API server closes the connection during the handshake', async t => {
      const { proxy, options, measured } = await route(t, kind);
      const server = net.createServer(socket => socket.on('error', () => {}).end());
      const port = await listenFor(t, server);
      const dialled = connect(createDial({ ...options, server: { ...options.server, port } }));
      await assert.rejects(dialled, (error: Error) => failure(error).reason === 'reset');
      assert.deepEqual(measured, []);
      await proxy.untilUnused();
    });
  });
}

describe('a server without a proxy', () => {
  for (const protocol of ['https:', 'http:'] as const) {
    it(`at ${protocol}// is reached with no delay and the configured keep-alive, and upgrades stay half-open`, async t => {
      const api = await startApiServer(t, protocol);
      const keepAlives = t.mock.method(net.Socket.prototype, 'setKeepAlive');
      const noDelays = t.mock.method(net.Socket.prototype, 'setNoDelay');
      for (const keepAlive of [30_000, 0]) {
        const dial = createDial({ ...dialOptions(protocol, api.port), keepAlive });
        assert.equal(await echoed(dial), 'hello');
        const socket = await connect(dial);
        t.after(() => socket.destroy());
        const isOurs = (call: { readonly this: unknown }) => call.this === socket;
        assert.deepEqual(keepAlives.mock.calls.filter(isOurs).at(-1)?.arguments, [keepAlive > 0, keepAlive]);
        assert.deepEqual(noDelays.mock.calls.filter(isOurs).at(-1)?.arguments, [true]);
      }
    });
  }

  it('gets the configured name as SNI', async t => {
    const { port, handshakes } = await startApiServer(t, 'https:');
    await echoed(createDial({ ...dialOptions('https:', port), tlsServerName: 'localhost' }));
    assert.deepEqual(handshakes, [{ resumed: false, user: 'jane', protocol: 'http/1.1', name: 'localhost' }]);
  });
});

it('a server at an IPv6 address needs a certificate for this address', async t => {
  const { certificate: cert, key } = await authority.server({ ip: ['fd00::1'] });
  const port = await listenFor(
    t,
    tls.createServer({ cert, key }, socket => socket.on('error', () => {})),
  );
  const proxy = await startNamingProxy(port);
  t.after(() => proxy.close());
  const dialTo = (hostname: string) => {
    const options = dialOptions('https:', 443, proxy, 'http:');
    return connect(createDial({ ...options, server: { ...options.server, hostname } }));
  };
  const socket = (await dialTo('fd00::1')) as tls.TLSSocket;
  assert.equal(socket.authorized, true);
  socket.destroy();
  await assert.rejects(dialTo('fd00::2'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    message: 'the certificate is not for fd00::2',
  });
});

it('a proxy that does not answer has the same time limit as a server: 30 s', async t => {
  const asked = new Deferred();
  const proxy = await startConnectProxy({ answer: () => asked.resolve() });
  t.after(() => proxy.close());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let outcome: Error | null | undefined;
  createDial(dialOptions('https:', 6443, proxy, 'http:'))(error => {
    outcome = error;
  });
  await asked.promise;
  t.mock.timers.tick(29_999);
  assert.equal(outcome, undefined);
  t.mock.timers.tick(1);
  const { code, reason, message } = failure(outcome as unknown as Error);
  assert.deepEqual([code, reason], [504, 'proxy']);
  assert.equal(message, `the proxy 127.0.0.1:${proxy.port} cannot be used: it does not answer`);
});

it('a server that does not answer has 30 s to accept the connection, and then 10 s for the handshake', async t => {
  const port = await listenFor(
    t,
    net.createServer(socket => void socket.resume()),
  );
  const limits = t.mock.method(net.Socket.prototype, 'setTimeout');
  const dialled = connect(createDial(dialOptions('https:', port)));
  await until(() => limits.mock.callCount() === 2);
  const { calls } = limits.mock;
  assert.deepEqual(
    calls.map(call => call.arguments[0]),
    [30_000, 10_000],
  );
  (calls.at(-1) as { this: Socket }).this.emit('timeout');
  await assert.rejects(dialled, { code: 504, reason: 'timeout' });
});
