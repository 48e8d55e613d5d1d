import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parse } from 'yaml';
import { kubeconfigOf } from '../../../../src/features/served-kubeconfig/kubeconfig.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { type EmbeddedApiServer, embeddedApiServer } from '../../../support/embedded-api-server.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { proxyToken, twoUsers } from '../../../support/identities/two-users.js';
import { tokens } from '../../../support/kube-apiserver/authority-files.js';
import { encrypted } from '../../../support/proxy/encrypted.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { hostileNames } from '../hostile-names.js';

const folder = temporaryFolder();

/** A token of the run's API server, too. */
const token = tokens.admin;
const server = await embeddedApiServer(
  { after },
  {
    tokens: {
      [token]: { username: 'admin', groups: ['system:masters'] },
      [proxyToken]: { username: 'proxy' },
    },
  },
);
/** A server like Rancher: its API is below a path. */
const serverPath = '/k8s/clusters/c-1';
const rancher = await startFakeApiServer({
  clientCertificates: 'optional',
  tokens: { [token]: { username: 'admin', groups: ['system:masters'] } },
});
after(() => rancher.kill());
rancher.intercept(incoming => {
  if (incoming.url?.startsWith(`${serverPath}/`)) incoming.url = incoming.url.slice(serverPath.length);
  return false;
});

const files = await createServingFiles();
await files.replace('tls.crt', (await readFile(files.certificate, 'utf8')) + files.authority.certificate);

const named = (name: string, fields: object) => ({ name, ...fields });
const authorityOf = ({ authority }: Pick<EmbeddedApiServer, 'authority'>) => ({
  'certificate-authority-data': Buffer.from(authority.certificate).toString('base64'),
});
const kubeconfig = join(folder, 'own');
await writeFile(
  kubeconfig,
  JSON.stringify({
    clusters: [
      named('plain', { cluster: { server: server.url, ...authorityOf(server) } }),
      named('below', { cluster: { server: rancher.url + serverPath, ...authorityOf(rancher) } }),
    ],
    users: [named('own', { user: { token } })],
    contexts: [
      named('dev', { context: { cluster: 'plain', user: 'own', namespace: 'team-0' } }),
      named('rancher', { context: { cluster: 'below', user: 'own' } }),
      named('kube-api-proxy', { context: { cluster: 'plain', user: 'own' } }),
      named('off', { context: { cluster: 'plain', user: 'own' } }),
    ],
    'current-context': 'dev',
  }),
);
const flag = `--kubeconfig=${kubeconfig}`;

interface Config {
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, unknown> }[];
  contexts: { name: string; context: { cluster: string; user?: string; namespace?: string } }[];
  'current-context': string;
}

function serversOf(text: string): Record<string, string | undefined> {
  const { clusters } = parse(text) as Config;
  return Object.fromEntries(clusters.map(({ name, cluster }) => [name, cluster['server']]));
}

/** Runs kubectl with a kubeconfig, without an input for prompts. */
async function withKubeconfig(text: string, args: readonly string[], env: Record<string, string> = {}) {
  const file = join(await mkdtemp(join(folder, 'caller-')), 'config');
  await writeFile(file, text);
  return kubectl(['--kubeconfig', file, ...args], { env: { HOME: folder, ...env } });
}

const plain = await startInProcess({ after }, [flag]);
const many = await startInProcess({ after }, [
  ...[flag, '--all-contexts', '--contexts=dev,rancher,kube-api-proxy'],
]);

describe('/-/kubeconfig', () => {
  test('has the name and the namespace of the current context, and nothing of its user', async () => {
    const { text, headers, status } = await send(plain.port, '/-/kubeconfig');
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/yaml');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.deepEqual(serversOf(text), { dev: plain.url });
    const config = parse(text) as Config;
    assert.deepEqual(config.contexts, [{ name: 'dev', context: { cluster: 'dev', namespace: 'team-0' } }]);
    assert.equal(config['current-context'], 'dev');
    assert.doesNotMatch(text, new RegExp(`${token}|${new URL(server.url).port}|${folder}`));
  });

  kubectlTest('leads kubectl to / and to each context that is served', async () => {
    const { text } = await send(many.port, '/-/kubeconfig');
    const { url } = many;
    assert.deepEqual(serversOf(text), {
      // `/` follows the proxy's current context, so it is not that context and gets another name.
      'kube-api-proxy-current': url,
      dev: `${url}/clusters/dev`,
      rancher: `${url}/clusters/rancher`,
      'kube-api-proxy': `${url}/clusters/kube-api-proxy`,
    });
    for (const args of [[], ['--context=dev'], ['--context=rancher', '-n', 'team-0']]) {
      const { stdout, stderr } = await withKubeconfig(text, [...args, 'get', 'pods', '-o', 'name']);
      assert.match(stdout, /^pod\/web-\d$/m, stderr);
    }
  });

  kubectlTest('has the path of the server, which clients of / send themselves', async t => {
    const { port, url } = await startInProcess(t, [flag, '--context=rancher']);
    const { text } = await send(port, '/-/kubeconfig');
    assert.deepEqual(serversOf(text), { rancher: url + serverPath });
    const { stdout, stderr } = await withKubeconfig(text, ['get', 'pods', '-o', 'name']);
    assert.match(stdout, /^pod\/web-0$/m, stderr);
    const appending = await startInProcess(t, [flag, '--context=rancher', '--append-server-path']);
    const own = (await send(appending.port, '/-/kubeconfig')).text;
    assert.deepEqual(serversOf(own), { rancher: appending.url });
    const found = await withKubeconfig(own, ['get', 'pods', '-o', 'name']);
    assert.match(found.stdout, /^pod\/web-0$/m, found.stderr);
  });

  kubectlTest('works at once over TLS, where kubectl would prompt without a user', encrypted, async t => {
    const { port, address } = await startInProcess(t, [flag, ...files.flags]);
    const session = await connectHttp2(port, files.authority.certificate);
    const { text, status } = await ask(session, '/-/kubeconfig');
    session.destroy();
    assert.equal(status, 200);
    assert.deepEqual(serversOf(text), { dev: `https://${address}` });
    const { stdout, stderr } = await withKubeconfig(text, ['get', 'pods', '-o', 'name']);
    assert.match(stdout, /^pod\/web-\d$/m, stderr);
    const userless = text.replace(/^ {6}user: .*\n/gm, '');
    assert.match((await withKubeconfig(userless, ['get', 'pods'])).stdout, /Please enter Username/);
  });

  kubectlTest('is read by kubectl with the same contexts, even with unusual names', async () => {
    const contexts = hostileNames.map((name, index) => ({
      name,
      path: `/clusters/${index}`,
      namespace: name,
    }));
    const users = [{ fields: { token: 'PASTE' }, isComplete: false, isPerCluster: true }];
    const facts = { address: 'https://gw.example', contexts, authority: 'PEM', users, isForStranger: false };
    const text = await kubeconfigOf(facts);
    const { stdout, stderr, code } = await withKubeconfig(text, ['config', 'view', '--raw', '-o', 'json']);
    assert.equal(code, 0, stderr);
    const config = JSON.parse(stdout) as Config;
    const serverOf = new Map(config.clusters.map(({ name, cluster }) => [name, cluster['server']]));
    assert.deepEqual(new Set(config.contexts.map(({ name }) => name)), new Set(hostileNames));
    for (const { name, context } of config.contexts) {
      assert.equal(context.namespace ?? '', name);
      assert.equal(context.user ?? '', name);
      const index = hostileNames.indexOf(name);
      assert.equal(serverOf.get(context.cluster ?? ''), `https://gw.example/clusters/${index}`);
    }
  });
});

describe('/-/kubeconfig with authentication', () => {
  test('names no context to a stranger, and answers 401 to a bad credential', async t => {
    const { proxy } = await startGateway(t, {
      ...{ run: startInProcess, tokenFile: twoUsers, serverPath, server },
      flags: ['--all-contexts', '--public-url=https://gw.example'],
    });
    const get = (authorization?: string) =>
      send(proxy.port, '/-/kubeconfig', authorization === undefined ? {} : { headers: { authorization } });
    const stranger = await get();
    assert.deepEqual(serversOf(stranger.text), { 'kube-api-proxy': 'https://gw.example' });
    assert.match(stranger.text, /^# .*without a credential/m);
    const alice = await get('Bearer alice-token');
    assert.deepEqual(serversOf(alice.text), {
      'kube-api-proxy': `https://gw.example${serverPath}`,
      test: 'https://gw.example/clusters/test',
    });
    assert.doesNotMatch(alice.text, /alice/);
    for (const bad of ['Bearer bad', 'Bearer', 'Basic eDp5', 'alice-token']) {
      const answer = await get(bad);
      assert.equal(answer.status, 401, bad);
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="kube-api-proxy"');
    }
    const claimed = await send(proxy.port, '/-/kubeconfig', { headers: { 'impersonate-user': 'alice' } });
    assert.equal(claimed.status, 403);
    const own = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer bob-token' } });
    assert.match(own.text, /authentication_attempts_total\{method="token_file",result="success"\} 2\n/);
    // Only the bad credentials count; a request without one is not an attempt.
    assert.match(own.text, /authentication_attempts_total\{method="none",result="failure"\} 4\n/);
  });
});

test('a kubeconfig for signing in is only there where callers have an issuer', async () => {
  const { port } = await startGateway({ after }, { run: startInProcess, server, tokenFile: twoUsers });
  const { status, text } = await send(port, '/-/kubeconfig?auth=oidc');
  assert.equal(status, 400);
  assert.match(text, /auth=oidc needs an OpenID Connect issuer, and this proxy has none for its callers/);
});
