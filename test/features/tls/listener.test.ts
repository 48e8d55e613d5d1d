import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import https from 'node:https';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { Registry } from 'prom-client';
import { configureTls } from '../../../src/features/tls/listener.js';
import { createListenerMetrics } from '../../../src/features/tls/metrics.js';
import type { TlsOptions } from '../../../src/features/tls/options.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { connectHttp2, openStream, seesEveryField } from '../../support/clients/http2-client.js';
import { eventually, within } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { listenFor } from '../../support/ports.js';
import { connectFrames, frame, frameTypes } from '../../support/upstreams/http2-frames.js';

const clients = await createCertificateAuthority({ commonName: 'clients' });
const others = await createCertificateAuthority({ commonName: 'others' });
const alice = await clients.client({ commonName: 'alice' });
const asAlice = { cert: alice.certificate, key: alice.key };

/** The listener with these options, which reads its files again every 5 ms, and a server that it serves. */
async function start(t: TestContext, options: Partial<TlsOptions> = {}, authority?: string) {
  const files = await createServingFiles();
  const clientCaFile = authority === undefined ? '' : await files.replace('clients.crt', authority);
  const logged: string[] = [];
  const log = (...parts: unknown[]) => void logged.push(parts.map(part => JSON.stringify(part)).join(' '));
  const logger = { debug: log, info: log, warn: log, error: log } as never;
  const registry = new Registry();
  const parts = await configureTls(
    {
      ...{ tlsCertFile: files.certificate, tlsPrivateKeyFile: files.key, tlsMinVersion: 'VersionTLS12' },
      ...{ clientCaFile, unixSocket: '', allowImpersonation: false, ...options },
    },
    createCore({ logger, rereadInterval: 5 }),
    createListenerMetrics(registry),
  );
  assert.ok('listener' in parts);
  t.after(() => parts.close());
  const server = createServer(({ url }, response) => {
    response.write('begun');
    if (url !== '/open') response.end();
  });
  parts.listener?.serve(server, { patience: 20_000, authenticates: false });
  const port = await listenFor(t, server);
  const ca = files.authority.certificate;
  const connect = async (more: tls.ConnectionOptions = {}) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca, ...more });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const http2 = async (more = {}) => {
    const session = await connectHttp2(port, ca, more);
    t.after(() => session.destroy());
    return session;
  };
  const reloaded = () => eventually('the reload', () => logged.some(line => /were reloaded/.test(line)));
  return { parts, files, logged, registry, port, ca, connect, http2, reloaded };
}

it('HTTP/2 is off where Node.js drops fields over it that --allow-impersonation needs, and the log says so', async t => {
  for (const [allowImpersonation, protocol] of [
    [false, 'h2'],
    [true, seesEveryField ? 'h2' : 'http/1.1'],
  ] as const) {
    const { connect, logged } = await start(t, { allowImpersonation });
    const { alpnProtocol } = await connect({ ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(alpnProtocol, protocol);
    assert.equal(/HTTP\/2 is off/.test(logged.join()), protocol !== 'h2');
  }
});

it('--tls-min-version is the oldest version that is accepted', async t => {
  const { connect } = await start(t, { tlsMinVersion: 'VersionTLS13' });
  await connect();
  await assert.rejects(connect({ maxVersion: 'TLSv1.2' }));
});

it('a client certificate is a way to authenticate only with --client-ca-file', async t => {
  assert.equal('method' in (await start(t)).parts, false);
  const { parts, connect } = await start(t, {}, clients.certificate);
  assert.ok('method' in parts);
  assert.equal((await connect(asAlice)).authorized, true);
});

it('a rotated certificate is served when its key is there too, while open connections continue', async t => {
  const { files, logged, registry, port, ca, connect, reloaded } = await start(t);
  const serial = async () => (await connect()).getPeerCertificate().serialNumber;
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const get = async () => {
    const request = https.get({ host: '127.0.0.1', port, path: '/', ca, agent });
    const [response] = await once(request, 'response');
    await once(response.resume(), 'end');
    return request;
  };
  await get();
  const before = await serial();
  const notAfter = new Date('2040-01-01T00:00:00Z');
  const next = await files.authority.server({ notAfter });
  const refusals = () => logged.filter(line => /last good ones stay in use/.test(line)).length;
  for (const half of [next.certificate.slice(0, 200), next.certificate, '']) {
    const told = refusals();
    // In one step, because a file is empty for a moment while it is written, and the proxy would report that instead.
    await files.replace('tls.crt', half);
    await eventually('the log line', () => refusals() > told);
    assert.equal(await serial(), before, `${half.length} bytes are no pair with the other key`);
  }
  assert.match(logged.join(), /--tls-private-key-file \S+ does not match the certificate in --tls-cert-file/);
  assert.doesNotMatch(logged.join(), /BEGIN|PRIVATE KEY-/);
  await files.write(next);
  await reloaded();
  assert.notEqual(await serial(), before);
  assert.equal((await get()).reusedSocket, true);
  const metrics = await registry.metrics();
  assert.match(metrics, new RegExp(`certificate_expiration_timestamp_seconds ${+notAfter / 1000}\n`));
  for (const result of ['success', 'failure'])
    assert.match(metrics, new RegExp(`tls_reloads_total\\{result="${result}"\\} [1-9]`));
});

it('a connection that a flood has ended is counted, and the log says so', async t => {
  const { port, ca, registry, logged } = await start(t);
  const connection = await connectFrames(port, ca);
  for (let count = 0; count < 600; count++) connection.send(frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
  await connection.closed();
  assert.match(await registry.metrics(), /kube_api_proxy_http2_abuses_total\{reason="controls"\} 1\n/);
  assert.match(logged.join(), /"reason":"controls".* too many resets or control frames/);
});

describe('when the authorities of clients change', () => {
  /** An HTTP/2 connection of alice with an open request, and whether the server wants no more of it. */
  async function open(t: TestContext) {
    const started = await start(t, {}, clients.certificate);
    const session = await started.http2(asAlice);
    let isLeaving = false;
    session.on('goaway', () => {
      isLeaving = true;
    });
    const stream = openStream(session, '/open');
    await once(stream, 'response');
    const replace = (content: string) => started.files.replace('clients.crt', content);
    return { ...started, session, stream, replace, isLeaving: () => isLeaving };
  }

  it('an open HTTP/2 connection gets a GOAWAY if its own is removed, and its requests continue', async t => {
    const { session, stream, replace } = await open(t);
    const goaway = once(session, 'goaway');
    await replace(others.certificate);
    await within('a GOAWAY', goaway);
    assert.equal(stream.closed, false);
  });

  it('it goes on if one is added, or if the file is broken: the last good one stays in use', async t => {
    const { replace, reloaded, logged, isLeaving, connect, http2 } = await open(t);
    await replace(clients.certificate + others.certificate);
    await reloaded();
    await http2(asAlice);
    await replace('nothing of use');
    await eventually('the log line', () => /--client-ca-file \S+ has no certificate/.test(logged.join()));
    await connect(asAlice);
    assert.equal(isLeaving(), false);
  });
});
