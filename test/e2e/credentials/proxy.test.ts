import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { send } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { type RunningProgram as Program, startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import {
  type ForwardProxy,
  type ForwardProxyOptions,
  startConnectProxy,
  startNamingProxy,
  startSocksProxy,
} from '../../support/upstreams/forward-proxy.js';
import { bothLegs, health, openAttach, openWatch, passed, probe, sample } from '../credential-probe.js';
import { assertStatus } from '../leg.js';

const password = 'p@ss/word: of proxy';
const encoded = encodeURIComponent(password);
const credentials = { username: 'team', password };
/** The password in every form in which it is sent or written. */
const forms = [password, encoded, Buffer.from(`team:${password}`).toString('base64')];

function assertHidden(text: string): void {
  for (const form of forms) assert.ok(!text.includes(form), `${form} is shown`);
}

/** Asserts that no output of the program contains the password. */
async function assertNothingShows(program: Program): Promise<void> {
  assertHidden(program.stderr());
  for (const path of ['/-/metrics', '/-/readyz?verbose', '/-/livez?verbose']) {
    assertHidden((await send(program.port, path)).text);
  }
}

interface Setting {
  readonly server: FakeApiServer;
  readonly directory: string;
  readonly path: string;
  /** Starts the program at trace level, in this process unless the environment variables affect Node itself. */
  start(env?: Readonly<Record<string, string>>): Promise<Program>;
}

/** An API server, and a kubeconfig with this proxy-url. */
async function set(
  t: TestContext,
  { proxyUrl, host = '127.0.0.1' }: { readonly proxyUrl?: string; readonly host?: string },
): Promise<Setting> {
  const server = await startFakeApiServer();
  t.after(() => server.kill());
  if (host !== '127.0.0.1')
    await server.restart(await server.authority.server({ dns: [host], ip: ['127.0.0.1'] }));
  const { certificate, key } = server.clientCertificate;
  const { path, directory } = await writeKubeconfig({
    server: `https://${host}:${server.port}`,
    ca: server.authority.certificate,
    certificate,
    key,
    ...(proxyUrl === undefined ? {} : { cluster: { 'proxy-url': proxyUrl } }),
  });
  return {
    server,
    path,
    directory,
    async start(env = {}) {
      const flags = ['--kubeconfig', path, '--reject-paths=', '--log-level=trace'];
      if (!('NODE_EXTRA_CA_CERTS' in env)) return startInProcess(t, flags, env);
      const program = await startProxy(flags, env);
      t.after(() => program.stop('SIGKILL'));
      return program;
    },
  };
}

function closeAfter(t: TestContext, proxy: ForwardProxy): ForwardProxy {
  t.after(() => proxy.close());
  return proxy;
}

type Start = (setting: {
  readonly options: ForwardProxyOptions;
  readonly server: FakeApiServer;
}) => Promise<ForwardProxy>;

const kinds: Readonly<Record<string, Start>> = {
  http: ({ options }) => startConnectProxy(options),
  https: async ({ options, server }) =>
    startConnectProxy({ ...options, certificate: await server.authority.server() }),
  socks5: ({ options }) => startSocksProxy(options),
};

/** Writes a proxy's URL into the kubeconfig. */
async function setProxyUrl(path: string, url: string): Promise<void> {
  const kubeconfig = parse(await readFile(path, 'utf8')) as { clusters: { cluster: object }[] };
  Object.assign(kubeconfig.clusters[0]?.cluster ?? {}, { 'proxy-url': url });
  await writeFile(path, stringify(kubeconfig));
}

/** Asserts that a GET, an exec, a watch and an attach work, and that no connection bypasses the proxy. */
async function everythingGoesThrough(
  t: TestContext,
  program: Program,
  server: FakeApiServer,
  proxy: ForwardProxy,
): Promise<void> {
  for (const leg of bothLegs) {
    const { code, commonName } = await probe(program, server, leg);
    assert.deepEqual([code, commonName], [passed(leg), 'admin']);
  }
  const before = proxy.requests.length;
  const streams = [await openWatch(program, server), await openAttach(program)];
  t.after(() => {
    for (const stream of streams) stream.close();
  });
  assert.ok(proxy.requests.length > before, 'the attach has no tunnel of its own');
  // The program's own requests may be on their way.
  await eventuallyPasses(() =>
    assert.equal(
      proxy.requests.length,
      server.connectionsAccepted,
      'not every connection goes through the proxy',
    ),
  );
  for (const stream of streams) await stream.isAlive();
  assert.equal((await health(program, 'readyz')).status, 200);
}

describe('a proxy on the way to the API server', { concurrency: 4 }, () => {
  for (const [scheme, startKind] of Object.entries(kinds)) {
    test(`of proxy-url ${scheme}:// carries requests, watches and upgrades, with its credentials`, async t => {
      const { server, path, directory, start } = await set(t, {});
      const proxy = closeAfter(t, await startKind({ options: { credentials }, server }));
      await setProxyUrl(path, `${scheme}://team:${encoded}@127.0.0.1:${proxy.port}`);
      const authority = join(directory, 'proxy-ca.crt');
      await writeFile(authority, server.authority.certificate);
      const program = await start(scheme === 'https' ? { NODE_EXTRA_CA_CERTS: authority } : {});
      await everythingGoesThrough(t, program, server, proxy);
      for (const { target, credentials: sent } of proxy.requests) {
        assert.equal(target, `127.0.0.1:${server.port}`);
        assert.deepEqual(sent, credentials);
      }
      for (const { rawHeaders } of server.requests) assertHidden(rawHeaders.join());
      await assertNothingShows(program);
    });
  }

  test('that rejects a target causes a Status with its answer, and so does one that cannot be reached', async t => {
    const { server, path, start } = await set(t, {});
    const answer = (client: Socket) =>
      void client.end('HTTP/1.1 403 Not For You\r\nContent-Length: 0\r\n\r\n');
    const proxy = await startConnectProxy({ answer });
    await setProxyUrl(path, `http://team:${encoded}@127.0.0.1:${proxy.port}`);
    const program = await start();
    for (const leg of bothLegs) {
      const { answer: refusal } = await probe(program, server, leg);
      assert.match(
        assertStatus(refusal, 502, leg),
        /refused to connect to 127\.0\.0\.1:\d+: 403 Not For You/,
      );
    }
    const unready = await health(program, 'readyz');
    assert.equal(unready.status, 500);
    assert.match(unready.text, /\[\+\]credentials ok\n\[-\]upstream failed: .*proxy/);
    assert.ok(((await sample(program, 'kube_api_proxy_upstream_errors_total{reason="proxy"}')) ?? 0) >= 2);
    await proxy.close();
    for (const leg of bothLegs) {
      const { answer: failure } = await probe(program, server, leg);
      assert.match(
        assertStatus(failure, 502, leg),
        /the proxy 127\.0\.0\.1:\d+ cannot be used: connection ref/,
      );
      assertHidden(failure.raw);
    }
    assert.equal(server.connectionsAccepted, 0, 'the proxy was bypassed');
    await assertNothingShows(program);
  });

  test('of HTTPS_PROXY carries requests, watches and upgrades', async t => {
    const host = 'api.cluster.test';
    const { server, start } = await set(t, { host });
    const proxy = closeAfter(t, await startNamingProxy(server.port));
    const program = await start({ HTTPS_PROXY: `http://team:${encoded}@127.0.0.1:${proxy.port}` });
    // The restart with another certificate is not counted as a connection.
    await everythingGoesThrough(t, program, server, proxy);
    assert.equal(proxy.requests[0]?.target, `${host}:${server.port}`);
    assert.deepEqual(proxy.requests[0]?.credentials, credentials);
    await assertNothingShows(program);
  });
});
