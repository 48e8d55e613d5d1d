import assert from 'node:assert/strict';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { createCertificateAuthority, sharedIdentity } from '../../support/certificates/certificates.js';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { listen, refusingPort } from '../../support/ports.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { type KubeconfigContents, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { ownMetric } from '../../support/proxy/own-metric.js';
import type { Scope } from '../../support/scope.js';
import { openSockets } from '../../support/upstreams/open-sockets.js';
import { assertStatus, type Leg, send } from '../leg.js';

// test/transport/upstream-error.test.ts has the words for every failure, and test/transport/dial/ makes them: here is one of each kind.

const path = '/api/v1/namespaces/default/pods';
const { authority } = await sharedIdentity();
const ca = authority.certificate;
const stranger = await createCertificateAuthority();
const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
/** Concurrency of tests whose programs wait or start at the same time. */
const sideBySide = { concurrency: 4 };

async function start(t: Scope, contents: KubeconfigContents, args: string[] = []): Promise<RunningProgram> {
  const kubeconfig = await writeKubeconfig(contents);
  return startInProcess(t, [`--kubeconfig=${kubeconfig.path}`, ...args]);
}

async function startServer(t: Scope, options: Parameters<typeof startFakeApiServer>[0] = {}) {
  const server = await startFakeApiServer(options);
  t.after(() => server.kill());
  const { certificate, key } = server.clientCertificate;
  return { server, admin: { server: server.url, ca: server.authority.certificate, certificate, key } };
}

/** A TCP server that is not an API server, with a kubeconfig that has a token for it. */
async function strangeServer(
  t: Scope,
  onSocket: (socket: net.Socket) => void,
  scheme = 'https',
): Promise<KubeconfigContents> {
  const server = net.createServer();
  const sockets = openSockets(server);
  server.on('connection', socket => onSocket(socket.on('error', () => {})));
  await listen(server);
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return {
    server: `${scheme}://127.0.0.1:${port}`,
    ...(scheme === 'https' ? { ca, token: 'very-secret' } : {}),
  };
}

function assertNoSecret(text: string): void {
  assert.doesNotMatch(text, /very-secret|PRIVATE KEY|BEGIN CERTIFICATE|Bearer|\n\s+at /);
}

/** A failure of the API server, before it gets a request. */
interface Failure {
  readonly code: number;
  /** The value of `reason` in the metric. */
  readonly reason: string;
  readonly message: RegExp;
  /** What the log has of the cause. */
  readonly cause: RegExp;
  contents(t: Scope): Promise<KubeconfigContents>;
}

/** RFC 8446, section 6: a fatal alert in its own record, here certificate_unknown. */
const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 46]);
/** The answer of Go's net/http, and so of every API server. */
const needsTls = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

const failures: Readonly<Record<string, Failure>> = {
  'refuses the connection': {
    code: 503,
    reason: 'refused',
    message: /127\.0\.0\.1:\d+.*refused/,
    cause: /ECONNREFUSED/,
    contents: async t => ({ server: `https://127.0.0.1:${await refusingPort(t)}`, ca, token: 'very-secret' }),
  },
  'has a certificate of an unknown authority': {
    code: 502,
    reason: 'tls_unknown_authority',
    message: /unknown authority.*certificate-authority/,
    cause: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE/,
    async contents(t) {
      const { server, admin } = await startServer(t);
      t.after(() => assert.equal(server.requests.length, 0, 'no request went to a stranger'));
      return { ...admin, ca: stranger.certificate };
    },
  },
  'speaks plain HTTP at an https URL': {
    code: 502,
    reason: 'tls',
    message: /does not speak TLS.*http:/,
    cause: /ERR_SSL|WRONG_VERSION/,
    async contents(t) {
      const server = http.createServer((_request, response) => response.end('plain'));
      t.after(() => server.close());
      return { server: `https://127.0.0.1:${await listen(server)}`, ca, token: 'very-secret' };
    },
  },
  'speaks TLS at an http URL': {
    code: 502,
    reason: 'tls',
    message: /\(400\); should the server URL begin with https:\/\/ instead\?$/m,
    cause: /400/,
    contents: t => strangeServer(t, socket => socket.once('data', () => socket.end(needsTls)), 'http'),
  },
  'closes the connection at once': {
    code: 502,
    reason: 'reset',
    message: /closed/,
    cause: /ECONNRESET/,
    contents: t => strangeServer(t, socket => socket.destroy()),
  },
  'refuses the client certificate': {
    code: 502,
    reason: 'tls_client_certificate',
    message: /refused the client certificate/,
    cause: /ERR_SSL_[A-Z0-9_]+/,
    async contents(t) {
      const { server = '' } = await strangeServer(t, socket => socket.once('data', () => socket.end(alert)));
      return { server, ca, ...(await stranger.client()) };
    },
  },
};

describe('an API server', sideBySide, () => {
  for (const [what, { code, reason, message, cause, contents }] of Object.entries(failures)) {
    test(`that ${what} is a ${code} that says so, on every leg, and not ready`, async t => {
      const proxy = await start(t, await contents(t));
      for (const leg of legs) {
        const answer = await send(proxy.port, { leg, target: path });
        assert.match(assertStatus(answer, code, leg), message);
        assertNoSecret(answer.raw);
      }
      const lines = () => proxy.log().filter(line => line['path'] === path);
      await eventually('a line of each', () => lines().length >= legs.length);
      for (const line of lines()) {
        assert.deepEqual([line['code'], Number(line['level']) >= 40], [code, true]);
        assert.match(JSON.stringify(line['err']), cause);
      }
      assert.equal(lines().length, legs.length);
      assertNoSecret(proxy.stderr());
      const counter = `kube_api_proxy_upstream_errors_total{reason="${reason}"}`;
      assert.ok(Number(await ownMetric(proxy.port, counter)) >= legs.length);
      const { text } = await sendPlain(proxy.port, '/-/readyz?verbose');
      assert.match(text, message);
      assert.match(text, /^\[-\]upstream failed: /m);
    });
  }

  test('that does not answer within --request-timeout is a 504, and its answer is cut if it has begun', async t => {
    const { server, admin } = await startServer(t);
    const proxy = await start(t, admin, ['--request-timeout=1s']);
    // The timeout counts from the client's request on. On a busy machine a request may not reach the API server in time, so it comes again.
    const isServed = async () => assert.equal((await sendPlain(proxy.port, path)).status, 200);
    await eventuallyPasses(isServed);
    server.intercept((request, response) => {
      if (request.url === '/half') response.write('half');
      return request.url === '/silent' || request.url === '/half';
    });
    const record = await eventuallyPasses(async () => {
      const started = Date.now();
      const answer = await send(proxy.port, { target: '/silent' });
      assert.match(assertStatus(answer, 504, 'silent'), /--request-timeout/);
      const took = Date.now() - started;
      assert.ok(took >= 950 && took < 20_000, `it took ${took} ms, not the default of a minute`);
      const arrived = server.requests.find(({ rawUrl }) => rawUrl === '/silent');
      assert.ok(arrived !== undefined, 'it has reached the API server');
      return arrived;
    });
    await record.closed;
    await eventuallyPasses(isServed);
    await eventuallyPasses(() => assert.rejects(sendPlain(proxy.port, '/half'), /aborted|ECONNRESET/));
  });
});

test('a client certificate that has expired is a 502 that says so, and readyz names the credential', async t => {
  const { admin } = await startServer(t, { clientCertificates: 'optional' });
  const day = 24 * 3_600_000;
  const expired = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
  const proxy = await start(t, { ...admin, ...(await authority.client(expired)) });
  const message =
    /refuses the proxy's own credential: its client certificate has expired \(20.*; whoever runs/;
  for (const leg of legs)
    assert.match(assertStatus(await send(proxy.port, { leg, target: path }), 502, leg), message);
  const { text } = await sendPlain(proxy.port, '/-/readyz?verbose');
  assert.match(
    text,
    /\[-\]credentials failed: .*its client certificate has expired[^\n]*\n\[\+\]upstream ok/,
  );
});
