import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createCertificateAuthority, sharedIdentity } from '../../support/certificates/certificates.js';
import { type HttpAnswer, send } from '../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { listen, refusingPort } from '../../support/ports.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { type KubeconfigContents, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { openSockets } from '../../support/upstreams/open-sockets.js';
import { assertStatus, send as sendRaw } from '../leg.js';

const path = '/api/v1/namespaces/default/pods';
const secretToken = 'very-secret-token';
const { authority } = await sharedIdentity();
const stranger = await createCertificateAuthority();
const strangerPair = await stranger.client();
const expiredPair = () =>
  authority.client({
    notBefore: new Date(Date.now() - 2_000_000),
    notAfter: new Date(Date.now() - 1_000_000),
  });
/** Concurrency of tests whose programs wait or start at the same time. */
const sideBySide = { concurrency: 4 };

async function start(t: Scope, contents: KubeconfigContents, args: string[] = []): Promise<RunningProgram> {
  const kubeconfig = await writeKubeconfig(contents);
  return startInProcess(t, [`--kubeconfig=${kubeconfig.path}`, ...args]);
}

async function startServer(
  t: Scope,
  options: Parameters<typeof startFakeApiServer>[0] = {},
): Promise<FakeApiServer> {
  const server = await startFakeApiServer(options);
  t.after(() => server.kill());
  return server;
}

/** A kubeconfig that the server accepts; these fields take precedence. */
function admin(server: FakeApiServer, contents: Partial<KubeconfigContents> = {}): KubeconfigContents {
  const { certificate, key } = server.clientCertificate;
  return { server: server.url, ca: server.authority.certificate, certificate, key, ...contents };
}

/** A TCP server that is not an API server. */
async function startTcp(t: Scope, onSocket: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer();
  const sockets = openSockets(server);
  server.on('connection', onSocket);
  await listen(server);
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

interface StatusObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: object;
  readonly status: string;
  readonly message: string;
  readonly reason: string;
  readonly code: number;
}

/** Checks that an answer is a Status like those of the API server, and contains no credential. */
function checkStatus(answer: HttpAnswer, code: number, message: RegExp): void {
  assert.equal(answer.status, code, answer.text);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const { kind, apiVersion, metadata, status, message: text, code: inBody } = answer.json as StatusObject;
  assert.deepEqual(
    { kind, apiVersion, metadata, status, code: inBody },
    { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code },
  );
  assert.match(text, message);
  assertNoSecret(answer.text);
}

function assertNoSecret(text: string): void {
  assert.doesNotMatch(text, /very-secret|PRIVATE KEY|BEGIN CERTIFICATE|Bearer|\n\s+at /);
}

/** The log lines about the path, from this index on. The line of a later request comes after all of them. */
async function linesFrom(proxy: RunningProgram, from: number): Promise<Record<string, unknown>[]> {
  const lines = (text: string) =>
    proxy
      .log()
      .slice(from)
      .filter(line => JSON.stringify(line).includes(text));
  await send(proxy.port, '/marker');
  await eventually('the line of the marker', () => lines('/marker').length > 0);
  return lines(path);
}

/** Sends one request and expects a Status, one warning in the log, and one counted upstream error. */
async function checkFailure(
  proxy: RunningProgram,
  expected: { code: number; message: RegExp; cause: RegExp; reason: string },
): Promise<void> {
  const before = proxy.log().length;
  checkStatus(await send(proxy.port, path), expected.code, expected.message);
  const lines = await linesFrom(proxy, before);
  assert.equal(lines.length, 1, JSON.stringify(lines));
  const line = lines[0] ?? {};
  assert.equal(line['code'], expected.code);
  assert.ok(Number(line['level']) >= 40, 'it is a warning or an error');
  assert.match(JSON.stringify(line['err']), expected.cause);
  assertNoSecret(proxy.stderr());
  const metrics = (await send(proxy.port, '/-/metrics')).text;
  const counter = `kube_api_proxy_upstream_errors_total{reason="${expected.reason}"} `;
  assert.ok(metrics.includes(counter), `no ${counter} in the metrics`);
  assert.notEqual(metrics.split(counter)[1]?.split('\n')[0], '0');
  const { message } = (await send(proxy.port, path)).json as StatusObject;
  assert.match(message, expected.message, 'the second request fails alike');
}

/** A kubeconfig for a server that fails before it gets a request, and what the failure is. */
interface Failure {
  readonly code: number;
  readonly message: RegExp;
  readonly cause: RegExp;
  readonly reason: string;
  contents(t: Scope): Promise<KubeconfigContents>;
}

const ca = authority.certificate;
const local = (port: number): KubeconfigContents => ({
  server: `https://127.0.0.1:${port}`,
  ca,
  token: secretToken,
});
const hoursFromNow = (hours: number) => new Date(Date.now() + hours * 3_600_000);
/** A server with such a certificate, which gets no request. */
const certified = (options: Parameters<typeof authority.server>[0]) => async (t: Scope) =>
  admin(await startUnasked(t, { serverCertificate: await authority.server(options) }));

async function startUnasked(t: Scope, options: Parameters<typeof startServer>[1] = {}) {
  const server = await startServer(t, options);
  t.after(() => assert.equal(server.requests.length, 0, 'no request went to a stranger'));
  return server;
}

const failures: Readonly<Record<string, Failure>> = {
  'refuses the connection': {
    ...{ code: 503, message: /127\.0\.0\.1:\d+.*refused/, cause: /ECONNREFUSED/, reason: 'refused' },
    contents: async t => local(await refusingPort(t)),
  },
  'has a name that does not resolve': {
    ...{ code: 503, message: /nonexistent\.invalid.*(resolve|DNS)/, reason: 'dns' },
    cause: /ENOTFOUND|EAI_AGAIN/,
    contents: async () => ({ ...local(0), server: 'https://nonexistent.invalid:6443' }),
  },
  'has a certificate of an unknown authority': {
    ...{ code: 502, message: /unknown authority.*certificate-authority/, reason: 'tls_unknown_authority' },
    cause: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE/,
    contents: async t => admin(await startUnasked(t), { ca: stranger.certificate }),
  },
  'has a certificate for another name': {
    ...{
      code: 502,
      message: /not for this name.*tls-server-name/,
      cause: /ALTNAME/,
      reason: 'tls_wrong_name',
    },
    contents: certified({ dns: ['api.example.com'], ip: [] }),
  },
  'has a certificate that has expired': {
    ...{ code: 502, message: /expired/, cause: /CERT_HAS_EXPIRED/, reason: 'tls_expired' },
    contents: certified({ notBefore: hoursFromNow(-2), notAfter: hoursFromNow(-1) }),
  },
  'has a certificate that is not valid yet': {
    ...{ code: 502, message: /not valid yet/, cause: /CERT_NOT_YET_VALID/, reason: 'tls_expired' },
    contents: certified({ notBefore: hoursFromNow(1) }),
  },
  'speaks plain HTTP at an https URL': {
    ...{ code: 502, message: /does not speak TLS.*http:/, cause: /ERR_SSL|WRONG_VERSION/, reason: 'tls' },
    async contents(t) {
      const server = http.createServer((_request, response) => response.end('plain'));
      t.after(() => server.close());
      return local(await listen(server));
    },
  },
  'closes the connection at once': {
    ...{ code: 502, message: /closed/, cause: /ECONNRESET/, reason: 'reset' },
    contents: async t => local(await startTcp(t, socket => socket.destroy())),
  },
};

describe('an API server', sideBySide, () => {
  for (const [what, { contents, ...expected }] of Object.entries(failures)) {
    test(`that ${what} is a ${expected.code} that says so`, async t => {
      await checkFailure(await start(t, await contents(t)), expected);
    });
  }

  test('that speaks TLS at an http URL is a 502 that says what to change, on every leg, and not ready', async t => {
    // The answer of Go's net/http, and so of every API server.
    const answer = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
    const port = await startTcp(t, socket =>
      socket.on('error', () => {}).once('data', () => socket.end(answer)),
    );
    const proxy = await start(t, { server: `http://127.0.0.1:${port}` });
    const hint = /\(400\); should the server URL begin with https:\/\/ instead\?$/m;
    for (const leg of ['plain', 'websocket', 'spdy'] as const)
      assert.match(assertStatus(await sendRaw(proxy.port, { leg, target: path }), 502, leg), hint);
    const { text } = await send(proxy.port, '/-/readyz?verbose');
    assert.match(text, hint);
    assert.match(text, /^\[-\]upstream failed: /m);
  });

  test('that was down is used again as soon as it answers', async t => {
    const server = await startServer(t);
    const proxy = await start(t, admin(server));
    assert.equal((await send(proxy.port, path)).status, 200);
    await server.kill();
    checkStatus(await send(proxy.port, path), 503, /refused/);
    checkStatus(await send(proxy.port, path, { method: 'POST', body: '{}' }), 503, /refused/);
    await server.restart();
    assert.equal((await send(proxy.port, path)).status, 200);
  });

  test('that does not answer within --request-timeout is a 504, and its answer is cut if it has begun', async t => {
    const server = await startServer(t);
    const proxy = await start(t, admin(server), ['--request-timeout=1s']);
    // The timeout counts from the client's request on. On a busy machine a request may not reach the API server in time, so it comes again.
    const isServed = async () => assert.equal((await send(proxy.port, path)).status, 200);
    await eventuallyPasses(isServed);
    server.intercept(request => request.url === '/silent');
    const record = await eventuallyPasses(async () => {
      const started = Date.now();
      checkStatus(await send(proxy.port, '/silent'), 504, /--request-timeout/);
      const took = Date.now() - started;
      assert.ok(took >= 950 && took < 20_000, `it took ${took} ms, not the default of a minute`);
      const arrived = server.requests.find(({ rawUrl }) => rawUrl === '/silent');
      assert.ok(arrived !== undefined, 'it has reached the API server');
      return arrived;
    });
    await record.closed;
    await eventuallyPasses(isServed);
    server.intercept((request, response) => {
      if (request.url !== '/half') return false;
      response.write('half');
      return true;
    });
    await eventuallyPasses(() => assert.rejects(send(proxy.port, '/half'), /aborted|ECONNRESET/));
  });

  test('that does not answer in the TLS handshake is a 504 after --request-timeout', async t => {
    const port = await startTcp(t, socket => socket.resume());
    const proxy = await start(t, local(port), ['--request-timeout=700ms']);
    checkStatus(await send(proxy.port, path), 504, /timeout|in time/);
  });
});

describe("an API server's certificate", sideBySide, () => {
  test('cannot be verified is accepted only with insecure-skip-tls-verify', async t => {
    const server = await startServer(t);
    const { certificate, key } = server.clientCertificate;
    const insecure = { server: server.url, certificate, key };
    const [inFile, byFlag, system] = await Promise.all([
      start(t, { ...insecure, cluster: { 'insecure-skip-tls-verify': true } }),
      start(t, insecure, ['--insecure-skip-tls-verify']),
      start(t, insecure),
    ]);
    assert.equal((await send(inFile.port, path)).status, 200);
    assert.equal((await send(byFlag.port, path)).status, 200);
    checkStatus(await send(system.port, path), 502, /unknown authority/);
  });

  test('has another name is accepted if tls-server-name is that name', async t => {
    const serverCertificate = await authority.server({ dns: ['api.example.com'], ip: [] });
    const server = await startServer(t, { serverCertificate });
    const inFile = await start(t, admin(server, { cluster: { 'tls-server-name': 'api.example.com' } }));
    assert.equal((await send(inFile.port, path)).status, 200);
    const record = await server.waitForRequest(({ rawUrl }) => rawUrl === path);
    assert.equal(record.tlsServerName, 'api.example.com');
    assert.equal(record.headers['host'], `127.0.0.1:${server.port}`);
    const byFlag = await start(t, admin(server), ['--tls-server-name=api.example.com']);
    assert.equal((await send(byFlag.port, path)).status, 200);
    const other = await start(t, admin(server), ['--tls-server-name=other.example.com']);
    checkStatus(await send(other.port, path), 502, /not for this name/);
  });
});

describe('a client certificate', () => {
  test('that is refused with an alert is a 502 that says so, and says if it has expired', async t => {
    // RFC 8446, section 6: a fatal alert in its own record.
    let alert = Buffer.alloc(0);
    const port = await startTcp(t, socket => socket.once('data', () => socket.end(alert)));
    const server = `https://127.0.0.1:${port}`;
    const refused = await start(t, { server, ca, ...(await authority.client()) });
    for (const number of alerts) {
      alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, number]);
      checkStatus(await send(refused.port, path), 502, /refused the client certificate/);
    }
    alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 45]);
    const expired = await start(t, { server, ca, ...(await expiredPair()) });
    checkStatus(await send(expired.port, path), 502, /its client certificate has expired \(20/);
  });

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`that OpenSSL refuses (${version}) is a 502 that says so`, {
      skip: spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed',
    }, async t => {
      const server = `https://127.0.0.1:${await startOpenssl(t, version)}`;
      const proxy = await start(t, { server, ca, ...strangerPair });
      await checkFailure(proxy, {
        ...{ code: 502, message: /refused the client certificate/, cause: /ERR_SSL_[A-Z0-9_]+/ },
        reason: 'tls_client_certificate',
      });
      await checkPostAndWatch(proxy, /refused the client certificate/);
    });
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    // Node's server closes the connection without an alert, after the handshake.
    test(`that is rejected without an alert (${maxVersion}) is a 502`, async t => {
      const proxy = await start(t, admin(await startUnasked(t, { tls: { maxVersion } }), strangerPair));
      checkStatus(await send(proxy.port, path), 502, /client certificate|closed/);
      await checkPostAndWatch(proxy, /client certificate|closed/);
    });
  }

  test('that has expired is a 502 that says so, and readyz names the credential', async t => {
    const server = await startServer(t, { clientCertificates: 'optional' });
    const proxy = await start(t, admin(server, await expiredPair()));
    const expired =
      /refuses the proxy's own credential: its client certificate has expired \(20.*; whoever runs/;
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      assert.match(assertStatus(await sendRaw(proxy.port, { leg, target: path }), 502, leg), expired);
    }
    const { text } = await send(proxy.port, '/-/readyz?verbose');
    assert.match(
      text,
      /\[-\]credentials failed: .*its client certificate has expired[^\n]*\n\[\+\]upstream ok/,
    );
  });

  test('that the API server rejects with a 401 returns that 401', async t => {
    const server = await startServer(t, { clientCertificates: 'optional' });
    const proxy = await start(t, admin(server, strangerPair));
    const answer = await send(proxy.port, path);
    assert.equal(answer.status, 401);
    assert.equal((answer.json as StatusObject).reason, 'Unauthorized');
  });
});

async function checkPostAndWatch(proxy: RunningProgram, message: RegExp): Promise<void> {
  const post = await send(proxy.port, path, { method: 'POST', body: 'x'.repeat(1_000_000) });
  checkStatus(post, 502, message);
  checkStatus(await send(proxy.port, `${path}?watch=1`), 502, message);
}

/** bad_certificate, unsupported, revoked, expired, unknown, unknown_ca, access_denied, certificate_required. */
const alerts = [42, 43, 44, 45, 46, 48, 49, 116];

/** OpenSSL's own server, which requires a client certificate and sends an alert for a wrong one. */
async function startOpenssl(t: Scope, version: string) {
  const pair = await authority.server();
  const directory = temporaryFolder();
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const child = spawn(
    'openssl',
    [
      's_server',
      '-accept',
      '127.0.0.1:0',
      version,
      '-Verify',
      '1',
      '-verify_return_error',
      '-www',
      ...['-CAfile', await file('ca.crt', authority.certificate)],
      ...['-cert', await file('server.crt', pair.certificate)],
      ...['-key', await file('server.key', pair.key)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  t.after(() => child.kill());
  child.stderr.resume();
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    const port = /^ACCEPT .*:(\d+)$/m.exec(output)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`openssl s_server does not start: ${output}`);
}
