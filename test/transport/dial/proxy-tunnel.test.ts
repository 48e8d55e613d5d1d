import assert from 'node:assert/strict';
import net, { type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { openTunnel, type TunnelOptions } from '../../../src/transport/dial/proxy-tunnel.js';
import type { ProxyConfig } from '../../../src/transport/dial/proxy-url.js';
import { UpstreamError } from '../../../src/transport/upstream-error.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { listenFor, refusingPort } from '../../support/ports.js';
import {
  type ForwardProxy,
  type ForwardProxyOptions,
  startConnectProxy,
  startSocksProxy,
} from '../../support/upstreams/forward-proxy.js';
import { WellKnownAuthority } from './well-known-authority.js';

const credentials = { username: 'jürgen', password: 'top/secret@1:2' };
const authority = await createCertificateAuthority({ commonName: 'proxy' });
const certificate = await authority.server();
const wellKnown = new WellKnownAuthority(authority.certificate);

const kinds = {
  'an HTTP proxy': {
    start: startConnectProxy,
    protocol: 'http:',
    yes: Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
  },
  'an HTTPS proxy': {
    start: (options?: ForwardProxyOptions) => startConnectProxy({ ...options, certificate }),
    protocol: 'https:',
    yes: Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
  },
  'a SOCKS5 proxy': {
    start: startSocksProxy,
    protocol: 'socks5:',
    yes: Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  },
} as const;

/** Starts a proxy that closes after the test. */
async function started<Options extends ForwardProxyOptions>(
  t: TestContext,
  start: (options?: Options) => Promise<ForwardProxy>,
  options?: Options,
): Promise<ForwardProxy> {
  const proxy = await start(options);
  t.after(() => proxy.close());
  return proxy;
}

/** A server that sends back what it gets, and ends when the client has ended. */
function startEcho(t: TestContext): Promise<number> {
  const echo = (socket: Socket) => void socket.on('error', () => {}).pipe(socket);
  return listenFor(t, net.createServer({ allowHalfOpen: true }, echo));
}

function open(options: Partial<TunnelOptions> & Pick<TunnelOptions, 'proxy'>): {
  readonly opened: Promise<Socket>;
  readonly tunnel: { destroy(): void };
  calls(): number;
} {
  let calls = 0;
  let tunnel = { destroy: () => {} };
  const opened = new Promise<Socket>((resolve, reject) => {
    const given = { server: { hostname: 'api.test', port: 6443 }, keepAlive: 0, timeout: 5000 };
    tunnel = openTunnel({ ...given, ...options }, (error, socket) => {
      calls += 1;
      if (socket === null) reject(error);
      else resolve(socket);
    });
  });
  return { opened, tunnel, calls: () => calls };
}

/** The error of the tunnel; also checks that the connection to the proxy has ended. */
async function failure(
  proxy: ForwardProxy | undefined,
  options: Partial<TunnelOptions> & Pick<TunnelOptions, 'proxy'>,
): Promise<UpstreamError> {
  const { opened, calls } = open(options);
  const error = await opened.then(
    () => assert.fail('the tunnel opened'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UpstreamError, inspect(error));
  assert.equal(error.reason, 'proxy');
  assert.ok(!inspect(error, { depth: 20, showHidden: true }).includes('secret'), inspect(error));
  if (proxy !== undefined) await proxy.untilUnused();
  assert.equal(calls(), 1);
  return error;
}

function through(proxy: ForwardProxy, protocol: ProxyConfig['protocol'], auth = false): ProxyConfig {
  return { protocol, hostname: '127.0.0.1', port: proxy.port, ...(auth ? { credentials } : {}) };
}

for (const [kind, { start, protocol, yes }] of Object.entries(kinds)) {
  describe(`a tunnel through ${kind}`, () => {
    it('has no listeners when it opens, does not flow, and has no time limit', async t => {
      const proxy = await started(t, start);
      const port = await startEcho(t);
      // A busy machine may take longer than the time limit.
      const { socket, tunnel } = await eventuallyPasses(async () => {
        const { opened, tunnel } = open({
          proxy: through(proxy, protocol),
          server: { hostname: '127.0.0.1', port },
          timeout: 1_000,
        });
        return { socket: await opened, tunnel };
      });
      assert.equal(socket.readableFlowing, null);
      for (const event of ['data', 'error', 'readable']) assert.equal(socket.listenerCount(event), 0, event);
      await sleep(1_050);
      assert.equal(socket.destroyed, false);
      tunnel.destroy();
      await proxy.untilUnused();
    });

    it('sends the credentials percent-decoded, lets the proxy resolve the name, and names an IPv6 server in the form of the protocol', async t => {
      const proxy = await started(t, start, { credentials, answer: client => client.write(yes) });
      const ipv6 = protocol === 'socks5:' ? '[fd00:0000:0000:0000:0000:0000:0000:0001]' : '[fd00::1]';
      const name = 'only.the.proxy.knows.test';
      for (const hostname of [name, 'fd00::1']) {
        const server = { hostname, port: 6443 };
        const socket = await open({ proxy: through(proxy, protocol, true), server }).opened;
        t.after(() => socket.destroy());
      }
      assert.deepEqual(
        proxy.requests.map(request => [request.target, request.credentials]),
        [name, ipv6].map(host => [`${host}:6443`, credentials]),
      );
    });

    it('loses no byte after the success answer, whether they come together or one at a time', async t => {
      const bytes = Buffer.concat([yes, Buffer.from('early')]);
      for (const size of [bytes.length, 1]) {
        const proxy = await started(t, start, {
          answer: client => {
            client.setNoDelay(true);
            void (async () => {
              for (let at = 0; at < bytes.length; at += size) {
                client.write(bytes.subarray(at, at + size));
                await sleep(1);
              }
              client.end(', late');
            })();
          },
        });
        const socket = await open({ proxy: through(proxy, protocol) }).opened;
        await sleep(20);
        let received = '';
        for await (const chunk of socket) received += String(chunk);
        assert.equal(received, 'early, late');
      }
    });

    it('fails with a 502 if the proxy cannot connect', async t => {
      const proxy = await started(t, start);
      const port = await refusingPort(t);
      const error = await failure(proxy, {
        proxy: through(proxy, protocol, true),
        server: { hostname: '127.0.0.1', port },
      });
      assert.equal(error.code, 502);
      const answer =
        protocol === 'socks5:' ? 'Socks5 proxy rejected connection - ConnectionRefused' : '502 Bad Gateway';
      assert.equal(
        error.message,
        `the proxy 127.0.0.1:${proxy.port} refused to connect to 127.0.0.1:${port}: ${answer}`,
      );
    });

    for (const [title, given] of [
      ['without credentials', false],
      ['with wrong credentials', true],
    ] as const) {
      it(`fails with a 502 ${title} if the proxy requires valid ones`, async t => {
        const proxy = await started(t, start, { credentials: { username: 'jürgen', password: 'another' } });
        const error = await failure(proxy, { proxy: through(proxy, protocol, given) });
        assert.equal(error.code, 502);
        const answer =
          protocol !== 'socks5:'
            ? "407 Proxy Authentication Required; check the user name and password in the proxy's URL"
            : given
              ? 'Socks5 Authentication failed'
              : 'Received invalid Socks5 initial handshake (no accepted authentication type)';
        assert.equal(
          error.message,
          `the proxy 127.0.0.1:${proxy.port} refused to connect to api.test:6443: ${answer}`,
        );
      });
    }

    it('fails with a 504 if the proxy never answers', async t => {
      const proxy = await started(t, start, { answer: () => {} });
      const error = await failure(proxy, { proxy: through(proxy, protocol, true), timeout: 100 });
      assert.equal(error.code, 504);
      assert.equal(error.message, `the proxy 127.0.0.1:${proxy.port} cannot be used: it does not answer`);
    });

    for (const [title, hangUp] of [
      ['closes', (client: Socket) => client.destroy()],
      ['ends its half', (client: Socket) => client.end()],
      ['ends its half within its answer', (client: Socket) => client.end(yes.subarray(0, 4))],
      ['dies', undefined],
    ] as const) {
      it(`fails with a 502 if the proxy ${title} before its answer is complete`, async t => {
        const proxy = await started(t, start, {
          answer: client => {
            if (hangUp === undefined) proxy.dropConnections();
            else hangUp(client);
          },
        });
        const error = await failure(proxy, { proxy: through(proxy, protocol, true) });
        assert.equal(error.code, 502);
        assert.match(
          error.message,
          /^the proxy 127\.0\.0\.1:\d+ cannot be used: (the connection was closed before the answer was complete|its answer is not HTTP, or its head is too large)$/,
        );
      });
    }

    it('fails with a 502 if nothing listens at the proxy’s address', async () => {
      const proxy = await start();
      await proxy.close();
      const error = await failure(undefined, { proxy: through(proxy, protocol, true) });
      assert.equal(error.code, 502);
      assert.equal(error.message, `the proxy 127.0.0.1:${proxy.port} cannot be used: connection refused`);
      assert.match(String(error.cause), /ECONNREFUSED/, 'the log has the cause');
    });
  });
}

describe('a tunnel by CONNECT', () => {
  it('sends its own Host and no Connection header', async t => {
    const proxy = await started(t, startConnectProxy, {
      answer: client => client.write('HTTP/1.0 200 OK\r\n\r\n'),
    });
    const socket = await open({ proxy: through(proxy, 'http:', true) }).opened;
    t.after(() => socket.destroy());
    assert.deepEqual(proxy.requests[0]?.headers, {
      host: 'api.test:6443',
      'user-agent': 'kube-api-proxy',
      'proxy-authorization': `Basic ${Buffer.from('jürgen:top/secret@1:2').toString('base64')}`,
    });
  });

  for (const [answer, message] of [
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope', /: 403 Forbidden$/],
    ['HTTP/1.1 503\r\n\r\n', /: 503$/],
    ['HTTP/1.1 204 No Content\r\n\r\n', /: 204 No Content$/],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', /: 101 Switching/],
    [`HTTP/1.1 500 ${'x'.repeat(1000)}\r\n\r\n`, /: 500 x{96}$/],
    ['SSH-2.0-OpenSSH_9.6\r\n', /its answer is not HTTP, or its head is too large$/],
    [
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
      /its answer is not HTTP, or its head is too large$/,
    ],
    [`HTTP/1.1 200 ${'x'.repeat(70_000)}`, /its answer is not HTTP, or its head is too large$/],
    [
      `HTTP/1.1 200 OK\r\n${'Filler: filler\r\n'.repeat(10_000)}`,
      /its answer is not HTTP, or its head is too large$/,
    ],
  ] as const) {
    it(`fails with a 502 if the answer is ${JSON.stringify(answer.slice(0, 30))}, ${answer.length} bytes`, async t => {
      const proxy = await started(t, startConnectProxy, { answer: client => client.write(answer) });
      const error = await failure(proxy, { proxy: through(proxy, 'http:', true) });
      assert.equal(error.code, 502);
      assert.match(error.message, message);
      assert.equal(error.cause, undefined, 'the log has no byte of the answer');
    });
  }

  it('verifies the authority and the name of an HTTPS proxy', async t => {
    const stranger = await createCertificateAuthority({ commonName: 'proxy' });
    const elsewhere = await authority.server({ dns: ['proxy.test'] });
    const proxy = await startConnectProxy({ certificate });
    const misnamed = await startConnectProxy({ certificate: elsewhere });
    t.after(() => Promise.all([proxy.close(), misnamed.close()]));
    t.after(() => {
      wellKnown.certificate = authority.certificate;
    });
    for (const ca of [stranger.certificate, undefined]) {
      wellKnown.certificate = ca;
      const error = await failure(proxy, { proxy: through(proxy, 'https:', true) });
      assert.match(error.message, /signed by an unknown authority.*NODE_EXTRA_CA_CERTS/);
    }
    wellKnown.certificate = authority.certificate;
    const error = await failure(misnamed, { proxy: through(misnamed, 'https:', true) });
    assert.match(error.message, /its certificate is not for this name$/);
    assert.deepEqual([...proxy.requests, ...misnamed.requests], []);
  });

  it('verifies an HTTPS proxy even if NODE_TLS_REJECT_UNAUTHORIZED disables that', async t => {
    const proxy = await started(t, startConnectProxy, { certificate });
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    wellKnown.certificate = undefined;
    t.after(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      wellKnown.certificate = authority.certificate;
    });
    await failure(proxy, { proxy: through(proxy, 'https:', true) });
  });

  it('fails with a 502 if the URL of an HTTP proxy has https://', async t => {
    const proxy = await started(t, startConnectProxy);
    const error = await failure(proxy, { proxy: through(proxy, 'https:') });
    assert.match(error.message, /should its URL begin with http:\/\/ instead\?$/);
  });
});

describe('a tunnel by SOCKS5', () => {
  it('fails with a 502 if the proxy speaks another protocol', async t => {
    const server = net.createServer(socket =>
      socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    const port = await listenFor(t, server);
    const error = await failure(undefined, {
      proxy: { protocol: 'socks5:', hostname: '127.0.0.1', port, credentials },
    });
    assert.match(error.message, /refused to connect to api\.test:6443: .*invalid socks version/);
  });

  it('fails with a 502 for a name that is too long for the request', async t => {
    const proxy = await started(t, startSocksProxy);
    const server = { hostname: `${'a'.repeat(300)}.test`, port: 6443 };
    const error = await failure(proxy, { proxy: through(proxy, 'socks5:', true), server });
    assert.match(error.message, /An invalid destination host was provided\.$/);
  });
});
