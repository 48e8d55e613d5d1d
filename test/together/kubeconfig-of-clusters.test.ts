import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { parse } from 'yaml';
import { send as sendPlain } from '../support/clients/http-client.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { kubectl, kubectlTest } from '../support/clients/kubectl.js';
import { eventuallyPasses } from '../support/eventually.js';
import { startInProcess } from '../support/proxy/in-process.js';
import {
  addContext,
  arn,
  createChainFiles,
  type ManyKubeconfig,
  type ManyStackOptions,
  mountOf,
  startManyClusters,
  startManyStack,
  which,
} from '../support/proxy/many-clusters.js';
import { startStack } from '../support/proxy/stack.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const tokenFile = join(folder, 'tokens.csv');
await writeFile(tokenFile, 'file-token,fiona,,\n');
const clusters = await startManyClusters(
  { after },
  {
    edit: (config, { one, two }) => {
      addContext(config, 'yes', one);
      addContext(config, '1e3', two);
      addContext(config, '# a: "b" *&!', two);
    },
    server: { allow: () => true },
  },
);
const files = await createChainFiles();
const ca = join(folder, 'ca.crt');
await writeFile(ca, files.authority.certificate);

function start(scope: Scope, options: Omit<ManyStackOptions, 'run' | 'clusters'> = {}) {
  return startManyStack(scope, { clusters, run: startInProcess, ...options });
}

const plain = await start({ after });

interface Served {
  readonly text: string;
  readonly config: ManyKubeconfig;
  /** The addresses of its clusters. */
  readonly servers: string[];
}

/** The answer of /-/kubeconfig, which must be YAML, must not be cached, and must contain no secret. */
async function get(port: number, headers: Readonly<Record<string, string>> = {}): Promise<Served> {
  const answer = await sendPlain(port, '/-/kubeconfig', { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.headers['content-type'] ?? '', /yaml/);
  return read(answer.text);
}

function read(text: string): Served {
  for (const secret of [...clusters.secrets(), 'file-token', clusters.plugin.path, clusters.folder]) {
    assert.ok(!text.includes(secret), `it has ${secret}`);
  }
  for (const server of [clusters.one, clusters.two]) {
    assert.ok(!text.includes(`:${server.port}`), 'it has the address of an API server');
  }
  assert.doesNotMatch(text, /PRIVATE/);
  // Over https:// kubectl prompts for a name and a password if it has no credential, so it gets a key pair that is not secret.
  if (text.includes('client-key-data')) assert.match(text, /^# .*This key is public/m);
  const config = parse(text) as ManyKubeconfig;
  assert.equal(config.apiVersion, 'v1');
  assert.equal(config.kind, 'Config');
  for (const { cluster } of config.clusters) {
    // Only over http:// there is nothing to verify.
    const isPlain = String(cluster['server']).startsWith('http:');
    assert.equal(cluster['insecure-skip-tls-verify'], isPlain ? true : undefined);
  }
  for (const { context } of config.contexts) {
    assert.ok(
      config.clusters.some(({ name }) => name === context.cluster),
      context.cluster,
    );
    if (context.user !== undefined && context.user !== '') {
      assert.ok(
        config.users.some(({ name }) => name === context.user),
        context.user,
      );
    }
  }
  const names = config.contexts.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, 'names are used once');
  assert.ok(names.includes(config['current-context']), 'the current context is there');
  return { text, config, servers: config.clusters.map(({ cluster }) => String(cluster['server'])) };
}

/** The name of the context for a server. */
function contextFor({ config }: Served, server: string): string {
  const cluster = config.clusters.find(
    ({ cluster }) => String(cluster['server']).replace(/\/$/, '') === server,
  );
  assert.ok(
    cluster !== undefined,
    `${server} is one of ${config.clusters.map(({ cluster }) => cluster['server']).join()}`,
  );
  const context = config.contexts.find(({ context }) => context.cluster === cluster.name);
  assert.ok(context !== undefined);
  return context.name;
}

/** The user entry of the context for a server. */
function userFor(served: Served, server: string): Record<string, unknown> | undefined {
  const context = served.config.contexts.find(({ name }) => name === contextFor(served, server))?.context;
  return served.config.users?.find(({ name }) => name === context?.user)?.user;
}

/** The addresses that a kubeconfig has for a proxy at this address. */
function addresses(base: string): string[] {
  return [base, ...clusters.contexts().map(name => `${base}${mountOf(name)}`)].sort();
}

const sorted = (servers: readonly string[]) =>
  servers.map(server => server.replace(/(\/\/[^/]+)\/$/, '$1')).sort();

/** Runs a script in bash, because it uses process substitution. */
async function bash(
  script: string,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn('bash', ['-c', script], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, KUBECONFIG: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  if (child.exitCode === null) await new Promise(resolve => child.once('close', resolve));
  return { code: child.exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe('the kubeconfig of a proxy without authentication', () => {
  test('has one cluster and context for each mount, / as the current one, and no user', async () => {
    const served = await get(plain.port);
    const base = `http://127.0.0.1:${plain.port}`;
    assert.deepEqual(sorted(served.servers), addresses(base));
    assert.equal(served.config['current-context'], contextFor(served, base));
    assert.equal((served.config.users ?? []).length, 0);
    for (const name of clusters.contexts()) assert.equal(contextFor(served, `${base}${mountOf(name)}`), name);
    assert.doesNotMatch(served.text, /certificate-authority/);
  });

  kubectlTest('works at once with kubectl, as README says', async () => {
    const url = `http://127.0.0.1:${plain.port}/-/kubeconfig`;
    const { code, stdout, stderr } = await bash(`kubectl --kubeconfig <(curl -s ${url}) get pods`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /web-0/);
  });

  test('has the path of --api-prefix only for /, and one entry if there is one cluster', async t => {
    const flags = ['--api-prefix=/k8s/'];
    const { port } = await start(t, { flags });
    const base = `http://127.0.0.1:${port}`;
    const servers = (await get(port)).servers.map(server => server.replace(/\/$/, ''));
    assert.ok(servers.includes(`${base}/k8s`), servers.join());
    assert.ok(servers.includes(`${base}/clusters/a`));
    assert.ok(!servers.some(server => server.includes('/k8s/clusters')));
    const { port: alone } = await startStack(t, { run: startInProcess, flags });
    const { clusters } = parse((await sendPlain(alone, '/-/kubeconfig')).text) as ManyKubeconfig;
    const [only, ...others] = clusters.map(({ cluster }) => String(cluster['server']).replace(/\/$/, ''));
    assert.deepEqual([only, others], [`http://127.0.0.1:${alone}/k8s`, []]);
  });
});

test('the kubeconfig has the current contexts', async t => {
  const own = await startManyClusters(t);
  const { port } = await startManyStack(t, { clusters: own, run: startInProcess });
  await own.change(config => addContext(config, 'for users', own.two));
  await eventuallyPasses(async () => {
    const { text } = await sendPlain(port, '/-/kubeconfig');
    assert.match(text, /\/clusters\/for%20users/);
  });
});

describe('the address in the kubeconfig', () => {
  test('never comes from X-Forwarded-* or Forwarded', async () => {
    const { text } = await get(plain.port, {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '666',
      'x-forwarded-prefix': '/evil',
      'x-forwarded-server': 'evil.example',
      'x-forwarded-for': '10.6.6.6',
      'x-original-host': 'evil.example',
      'x-real-ip': '10.6.6.6',
      forwarded: 'host=evil.example;proto=https',
    });
    assert.doesNotMatch(text, /evil|666|https:|10\.6/);
  });

  test('prevents that pages of other origins read the kubeconfig', async () => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const { status, headers: got } = await sendPlain(plain.port, '/-/kubeconfig', { headers });
      assert.ok(status === 403 || got['access-control-allow-origin'] === undefined);
    }
  });
});

describe('the kubeconfig of a proxy that serves TLS', () => {
  test('has https and the authority at the end of the certificate file, over both HTTP versions', async t => {
    const stack = await start(t, { tls: files });
    const session = await connectHttp2(stack.port, files.authority.certificate);
    const { status, text, headers } = await ask(session, '/-/kubeconfig');
    session.destroy();
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    const served = read(text);
    assert.deepEqual(sorted(served.servers), addresses(`https://127.0.0.1:${stack.port}`));
    for (const { cluster } of served.config.clusters) {
      const data = Buffer.from(String(cluster['certificate-authority-data']), 'base64').toString();
      assert.ok(data.includes(files.authority.certificate.trim()), data);
    }
    const file = join(folder, 'tls');
    await writeFile(file, text);
    const result = await kubectl(['--kubeconfig', file, '--context', arn, 'get', 'pods'], {
      env: { HOME: folder },
    });
    assert.match(result.stdout, /web-0/, result.stderr);
  });
});

describe('the kubeconfig of a proxy with authentication', () => {
  const publicly = '--public-url=https://gw.example';
  const base = 'https://gw.example';

  test('has a field for a token for each cluster if the clusters review them', async t => {
    const { port } = await start(t, { flags: ['--authentication-token-webhook', publicly] });
    clusters.tokens.one['reviewed'] = { username: 'rita' };
    const served = await get(port, { authorization: 'Bearer reviewed' });
    const users = served.config.contexts.map(({ context }) => context.user);
    for (const server of addresses(base)) assert.ok('token' in (userFor(served, server) ?? {}), server);
    // The tokens of / and of the current context may be the same, because their cluster is the same.
    assert.ok(new Set(users).size >= clusters.contexts().length, `${users.join()} are apart`);
    assert.ok(!served.text.includes('reviewed'), 'the token of the caller is not in it');
  });

  kubectlTest('works with kubectl once its files exist', async t => {
    const { port } = await start(t, { tls: files, flags: [`--client-ca-file=${ca}`] });
    const { certificate, key } = await files.authority.client({ commonName: 'carol', organizations: [] });
    const session = await connectHttp2(port, files.authority.certificate, { cert: certificate, key });
    const { text } = await ask(session, '/-/kubeconfig');
    session.destroy();
    const served = read(text);
    const user = userFor(served, `https://127.0.0.1:${port}`) ?? {};
    const own = await mkdtemp(join(folder, 'carol-'));
    await writeFile(join(own, 'config'), text);
    // Relative names are below the kubeconfig's folder; a test may not write elsewhere.
    for (const [field, pem] of [
      ['client-certificate', certificate],
      ['client-key', key],
    ] as const) {
      const name = String(user[field]);
      assert.ok(!name.startsWith('/'), `${name} is no path of the proxy's machine`);
      await writeFile(join(own, name), pem);
    }
    const args = [
      '--kubeconfig',
      join(own, 'config'),
      '--context',
      contextFor(served, `https://127.0.0.1:${port}${mountOf(arn)}`),
    ];
    const result = await kubectl([...args, 'get', 'cm', 'which', '-o', 'jsonpath={.data.cluster}'], {
      env: { HOME: own },
    });
    assert.equal(result.stdout, 'two', result.stderr);
    const arrivals = clusters.arrivals(which).filter(({ context }) => context === arn);
    assert.equal(arrivals.at(-1)?.record.headers['impersonate-user'], 'carol');
  });
});
