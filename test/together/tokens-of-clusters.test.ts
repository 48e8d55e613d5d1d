import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { Components } from '../../src/app/components.js';
import { FeatureSet } from '../../src/app/feature-set.js';
import { configureAuthentication } from '../../src/authentication/configure.js';
import { AuthenticationError } from '../../src/authentication/identity.js';
import type { Cluster } from '../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../src/clusters/endpoint.js';
import { createStaticSource } from '../../src/credentials/static-source.js';
import { RequestHead } from '../../src/http/request-head.js';
import { parseOptions } from '../../src/options/parse.js';
import { type FakeApiServer, startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { createCore } from '../support/features/core.js';
import { createOpenCluster } from '../support/proxy/followed-cluster.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ignore = () => {};

/** An API server that knows these tokens, and a cluster that reaches it as one of its masters. */
async function startCluster(t: TestContext, tokens: Record<string, { readonly username: string }>) {
  const proxy = { username: 'proxy', groups: ['system:masters'] };
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens: { ...tokens, 'token-of-the-proxy': proxy },
  });
  t.after(() => server.kill());
  const endpoint = {
    context: '',
    config: {
      server: { protocol: 'https:', hostname: '127.0.0.1', port: server.port, path: '' },
      insecureSkipTlsVerify: false,
    },
    certificateAuthority: Buffer.from(server.authority.certificate),
    source: createStaticSource(
      { authorization: 'Bearer token-of-the-proxy' },
      { events: { expires: ignore }, rereadFiles: async () => {} },
    ),
    proxy: undefined,
  } as const;
  const cluster = createOpenCluster({ ...endpoint, identity: identityOf(endpoint) });
  t.after(() => cluster.destroy());
  return { server, cluster };
}

function reviewsOf({ requests }: FakeApiServer): number {
  return requests.filter(({ rawUrl }) => rawUrl.endsWith('/tokenreviews')).length;
}

test('a token is valid in the clusters that know it, and one of a file in all of them, even if one cluster is down', async t => {
  const development = await startCluster(t, { robot: { username: 'robot' }, shared: { username: 'dev' } });
  const production = await startCluster(t, { shared: { username: 'prod' } });
  const folder = temporaryFolder();
  const file = join(folder, 'tokens.csv');
  await writeFile(file, 'alice-token,alice,,\n');
  const argv = ['--authentication-token-webhook', `--token-auth-file=${file}`];
  const { options, problems } = parseOptions({ argv, env: {} });
  assert.deepEqual(problems, []);
  const components = new Components();
  t.after(() => components.close());
  const created = await new FeatureSet(new Registry()).create(options, createCore(), components);
  assert.ok('methods' in created);
  const { authentication } = configureAuthentication(options, created.methods, { attempted: ignore });
  const websocket = ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Protocol'];
  const userOf = async (token: string, { cluster }: { readonly cluster: Cluster }) => {
    const names: string[] = [];
    const subprotocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
    for (const message of [
      { rawHeaders: ['Authorization', `Bearer ${token}`] },
      { rawHeaders: [...websocket, `v5.channel.k8s.io, ${subprotocol}`], upgrade: true },
    ]) {
      const request = {
        raw: { socket: {} } as IncomingMessage,
        head: new RequestHead({ method: 'GET', ...message }),
        cluster,
        openCluster: () => cluster.endpoint as Endpoint,
        mount: { namesContext: false },
      };
      names.push((await authentication.authenticate(request)).username);
    }
    assert.equal(names[0], names[1]);
    return names[0];
  };

  assert.equal(await userOf('robot', development), 'robot');
  await assert.rejects(userOf('robot', production), AuthenticationError);
  assert.equal(await userOf('shared', development), 'dev');
  assert.equal(await userOf('shared', production), 'prod');
  for (const cluster of [development, production])
    assert.equal(await userOf('alice-token', cluster), 'alice');
  assert.deepEqual(
    [development, production].map(({ server }) => reviewsOf(server)),
    [2, 2],
  );

  await production.server.kill();
  await assert.rejects(userOf('fresh', production), { code: 503 });
  await assert.rejects(userOf('fresh', development), AuthenticationError);
  assert.equal(await userOf('alice-token', production), 'alice');
  assert.equal(await userOf('robot', development), 'robot', 'it is cached');
});
