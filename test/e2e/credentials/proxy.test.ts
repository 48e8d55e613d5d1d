import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { type RunningProgram as Program, startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  type ForwardProxy,
  startConnectProxy,
  startNamingProxy,
} from '../../support/upstreams/forward-proxy.js';
import { bothLegs, health, openAttach, openWatch, passed, probe } from '../credential-probe.js';

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

/** Starts a proxy on the way to this API server. */
type Start = (server: FakeApiServer) => Promise<ForwardProxy>;

/**
 * An API server, a proxy on the way to it, and the program at trace level, in this process unless the environment variables affect Node
 * itself. The environment and the cluster of its kubeconfig are made of the proxy's port and of a file with the server's authority.
 */
async function set(
  t: TestContext,
  startWay: Start,
  {
    host = '127.0.0.1',
    cluster = () => ({}),
    env = () => ({}),
  }: {
    readonly host?: string;
    readonly cluster?: (address: string) => Readonly<Record<string, string>>;
    readonly env?: (address: string, authority: string) => Readonly<Record<string, string>>;
  },
) {
  const server = await startFakeApiServer();
  t.after(() => server.kill());
  if (host !== '127.0.0.1')
    await server.restart(await server.authority.server({ dns: [host], ip: ['127.0.0.1'] }));
  const way = await startWay(server);
  t.after(() => way.close());
  const address = `team:${encoded}@127.0.0.1:${way.port}`;
  const { path } = await writeKubeconfig({
    ...{ server: `https://${host}:${server.port}`, ca: server.authority.certificate },
    ...{ ...server.clientCertificate, cluster: cluster(address) },
  });
  const authority = join(temporaryFolder(), 'proxy-ca.crt');
  await writeFile(authority, server.authority.certificate);
  const environment = env(address, authority);
  const run = 'NODE_EXTRA_CA_CERTS' in environment ? startProxyFor : startInProcess;
  const program = await run(t, ['--kubeconfig', path, '--reject-paths=', '--log-level=trace'], environment);
  return { server, way, program };
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
  test('of proxy-url https:// carries requests, watches and upgrades, with its credentials', async t => {
    const startWay = async ({ authority }: FakeApiServer) =>
      startConnectProxy({ credentials, certificate: await authority.server() });
    const { server, way, program } = await set(t, startWay, {
      cluster: address => ({ 'proxy-url': `https://${address}` }),
      env: (_, authority) => ({ NODE_EXTRA_CA_CERTS: authority }),
    });
    await everythingGoesThrough(t, program, server, way);
    for (const { target, credentials: sent } of way.requests) {
      assert.equal(target, `127.0.0.1:${server.port}`);
      assert.deepEqual(sent, credentials);
    }
    for (const { rawHeaders } of server.requests) assertHidden(rawHeaders.join());
    await assertNothingShows(program);
  });

  test('of HTTPS_PROXY carries requests, watches and upgrades', async t => {
    const host = 'api.cluster.test';
    const { server, way, program } = await set(t, ({ port }) => startNamingProxy(port), {
      ...{ host, env: address => ({ HTTPS_PROXY: `http://${address}` }) },
    });
    // The restart with another certificate is not counted as a connection.
    await everythingGoesThrough(t, program, server, way);
    assert.equal(way.requests[0]?.target, `${host}:${server.port}`);
    assert.deepEqual(way.requests[0]?.credentials, credentials);
    await assertNothingShows(program);
  });
});
