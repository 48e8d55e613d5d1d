import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { anyApiServer, embedded } from '../../support/any-api-server.js';
import { createCertificateAuthority, type KeyType } from '../../support/certificates/certificates.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { forwardFromIpv6 } from '../../support/ipv6.js';
import { listen } from '../../support/ports.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import {
  type KubeconfigContents,
  type KubeconfigForm,
  writeKubeconfig,
} from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();
/** The embedded one rejects the TLS handshake without a certificate of its authority, with or without a chain. */
const server = await anyApiServer({ after }, { clientCertificates: 'required' });
const { authority } = server;
const serverPort = Number(new URL(server.url).port);
const masters = ['system:masters'];
/** Accepts tokens. The embedded one accepts passwords too, and requests no certificate. */
const tokenServer = await anyApiServer(
  { after },
  {
    clientCertificates: 'none',
    tokens: {
      'token-of-alice': { username: 'alice', groups: masters },
      'token-of-bob': { username: 'bob', groups: masters },
    },
    basic: { 'carol:pass': { username: 'carol', groups: masters } },
  },
);

function start(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProgram> {
  return startInProcess(t, args, { HOME: folder, ...env });
}

/** The program with this kubeconfig. */
async function startWith(
  t: TestContext,
  contents: KubeconfigContents,
  form: KubeconfigForm = {},
): Promise<RunningProgram> {
  const file = await writeKubeconfig(contents, form);
  return start(t, ['--kubeconfig', file.path]);
}

/** The user of the request at the API server, or the API server's rejection. */
async function whoami(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await fetch(`${url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
  });
  const body = (await response.json()) as { message?: string; status?: { userInfo?: { username: string } } };
  return body.status?.userInfo?.username ?? `${response.status} ${body.message}`;
}

async function admin(commonName = 'admin', keyType: KeyType = 'ec') {
  return authority.client({ commonName, keyType });
}

// Keys and certificates

for (const keyType of ['rsa2048', 'ec', 'ed25519'] as const) {
  for (const credentials of ['inline', 'files'] as const) {
    test(`a client certificate with an ${keyType} key authenticates from ${credentials}`, async t => {
      const { certificate, key } = await admin(`user-${keyType}`, keyType);
      const contents = { server: server.url, ca: authority.certificate, certificate, key };
      const proxy = await startWith(t, contents, { credentials });
      assert.equal(await whoami(proxy.url), `user-${keyType}`);
    });
  }
}

for (const credentials of ['inline', 'files'] as const) {
  test(`the chain of a certificate from an intermediate authority is presented, from ${credentials}`, async t => {
    const intermediate = await (await authority.intermediate()).intermediate({ commonName: 'second' });
    const { certificate, key } = await intermediate.client({ commonName: 'chained' });
    assert.equal(certificate.match(/BEGIN CERTIFICATE/g)?.length, 3);
    const contents = { server: server.url, ca: authority.certificate, certificate, key };
    const proxy = await startWith(t, contents, { credentials });
    assert.equal(await whoami(proxy.url), 'chained');
  });
}

test(
  'an API server whose certificate comes from an intermediate authority is trusted with only the root',
  embedded,
  async t => {
    const intermediate = await authority.intermediate();
    const chained = await startFakeApiServer({ authority, serverCertificate: await intermediate.server() });
    t.after(() => chained.kill());
    const proxy = await startWith(t, { server: chained.url, ca: authority.certificate, ...(await admin()) });
    assert.equal(await whoami(proxy.url), 'admin');
  },
);

test('any authority of a bundle may have signed the server certificate', async t => {
  const stranger = await createCertificateAuthority({ commonName: 'stranger' });
  const ca = `# two of them\n${stranger.certificate}\n${authority.certificate}`.replaceAll('\n', '\r\n');
  const proxy = await startWith(t, { server: server.url, ca, ...(await admin()) });
  assert.equal(await whoami(proxy.url), 'admin');
});

test("the API server's 401 to an unknown certificate comes back unchanged", async t => {
  const asking = await anyApiServer(t);
  const stranger = await (await createCertificateAuthority()).client();
  const proxy = await startWith(t, { server: asking.url, ca: authority.certificate, ...stranger });
  assert.equal(await whoami(proxy.url), '401 Unauthorized');
});

// Trust

test("without an authority the system's authorities are used, which did not sign the server's certificate", async t => {
  const proxy = await startWith(t, { server: server.url, ...(await admin()) });
  assert.equal((await fetch(`${proxy.url}/version`)).status, 502);
});

test('insecure-skip-tls-verify accepts any server certificate', async t => {
  const proxy = await startWith(t, {
    server: server.url,
    ...(await admin()),
    cluster: { 'insecure-skip-tls-verify': true },
  });
  assert.equal(await whoami(proxy.url), 'admin');
});

test('tls-server-name is sent and verified instead of the address', embedded, async t => {
  const named = await startFakeApiServer({
    authority,
    serverCertificate: await authority.server({ dns: ['api.internal'] }),
  });
  t.after(() => named.kill());
  const contents = { server: named.url, ca: authority.certificate, ...(await admin()) };
  const wrong = await startWith(t, contents);
  assert.equal((await fetch(`${wrong.url}/version`)).status, 502);
  const proxy = await startWith(t, { ...contents, cluster: { 'tls-server-name': 'api.internal' } });
  assert.equal(await whoami(proxy.url), 'admin');
  assert.equal(named.requests.at(-1)?.tlsServerName, 'api.internal');
});

// Tokens and passwords

test('a token authenticates', async t => {
  const contents = { server: tokenServer.url, ca: authority.certificate, token: 'token-of-alice' };
  const proxy = await startWith(t, contents);
  assert.equal(await whoami(proxy.url), 'alice');
});

test('a tokenFile is relative to the kubeconfig, loses its line end and takes precedence over a token', async t => {
  const directory = await mkdtemp(join(folder, 'token-'));
  await writeFile(join(directory, 'token'), 'token-of-bob\n');
  const contents = {
    server: tokenServer.url,
    ca: authority.certificate,
    token: 'token-of-alice',
    user: { tokenFile: 'token' },
  };
  const proxy = await startWith(t, contents, { directory });
  assert.equal(await whoami(proxy.url), 'bob');
});

// kube-apiserver has accepted no passwords since 1.19.
test('a user name and a password authenticate', embedded, async t => {
  const contents = {
    server: tokenServer.url,
    ca: authority.certificate,
    username: 'carol',
    password: 'pass',
  };
  const proxy = await startWith(t, contents);
  assert.equal(await whoami(proxy.url), 'carol');
});

test(
  "a client's own Authorization takes precedence over a configured token or password",
  embedded,
  async t => {
    const common = { server: tokenServer.url, ca: authority.certificate };
    const withToken = await startWith(t, { ...common, token: 'token-of-alice' });
    const withPassword = await startWith(t, { ...common, username: 'carol', password: 'pass' });
    for (const { url } of [withToken, withPassword]) {
      assert.equal(await whoami(url, { Authorization: 'Bearer token-of-bob' }), 'bob');
      assert.match(await whoami(url, { Authorization: 'Bearer wrong' }), /^401 /);
      const { rawHeaders = [] } = tokenServer.embedded.requests.at(-1) ?? {};
      const names = rawHeaders.filter((_, index) => index % 2 === 0).map(name => name.toLowerCase());
      assert.equal(names.filter(name => name === 'authorization').length, 1);
    }
  },
);

test('a token is sent together with a client certificate', embedded, async t => {
  const contents = { server: server.url, ca: authority.certificate, token: 'along', ...(await admin()) };
  const proxy = await startWith(t, contents);
  assert.equal(await whoami(proxy.url), 'admin', 'the API server looks at the certificate first');
  assert.equal(server.embedded.requests.at(-1)?.headers['authorization'], 'Bearer along');
});

// Files and lists

test('the default is ~/.kube/config, without a flag and KUBECONFIG, with paths relative to ~/.kube', async t => {
  const home = await mkdtemp(join(folder, 'home-'));
  const directory = join(home, '.kube');
  await mkdir(directory);
  const contents = { server: server.url, ca: authority.certificate, ...(await admin('at-home')) };
  const file = await writeKubeconfig(contents, { directory, credentials: 'files' });
  await rename(file.path, join(directory, 'config'));
  const proxy = await startProxy([], { HOME: home });
  t.after(() => proxy.stop('SIGKILL'));
  assert.equal(await whoami(proxy.url), 'at-home');
  const empty = await start(t, [], { HOME: home, KUBECONFIG: '' });
  assert.equal(await whoami(empty.url), 'at-home');
});

interface ListFile {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly current?: string;
}

/** One file of a list, in its own folder; all its entries have the name `shared`. */
async function writeListFile({ cluster, user, context, current }: ListFile): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'list-')), 'config');
  await writeFile(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      ...(cluster === undefined ? {} : { clusters: [{ name: 'shared', cluster }] }),
      ...(user === undefined ? {} : { users: [{ name: 'shared', user }] }),
      ...(context === undefined ? {} : { contexts: [{ name: 'shared', context }] }),
      ...(current === undefined ? {} : { 'current-context': current }),
    }),
  );
  return file;
}

test('relative paths of a list are relative to the file that contains them', async t => {
  const { certificate, key } = await admin('relative');
  const users = await writeListFile({
    user: { 'client-certificate': './pki/client.crt', 'client-key': '../shared.key' },
    context: { cluster: 'shared', user: 'shared' },
    current: 'shared',
  });
  await mkdir(join(users, '..', 'pki'));
  await writeFile(join(users, '..', 'pki', 'client.crt'), certificate);
  await writeFile(join(folder, 'shared.key'), key);
  const clusters = await writeListFile({
    cluster: { server: server.url, 'certificate-authority': 'ca.crt' },
  });
  await writeFile(join(clusters, '..', 'ca.crt'), authority.certificate);
  const proxy = await start(t, [], { KUBECONFIG: `${users}:${clusters}` });
  assert.equal(await whoami(proxy.url), 'relative');
});

// The server's address

test('the API server is reached over IPv6', embedded, async t => {
  const port = await forwardFromIpv6(t, serverPort);
  if (port === undefined) return t.skip('there is no IPv6 loopback here');
  const contents = { server: `https://[::1]:${port}`, ca: authority.certificate, ...(await admin()) };
  const proxy = await startWith(t, contents);
  assert.equal(await whoami(proxy.url), 'admin');
  assert.equal(server.embedded.requests.at(-1)?.headers['host'], `[::1]:${port}`);
});

test('a host name in the address is resolved, verified and sent as the Host', embedded, async t => {
  const address = `https://localhost:${serverPort}`;
  const proxy = await startWith(t, { server: address, ca: authority.certificate, ...(await admin()) });
  assert.equal(await whoami(proxy.url), 'admin');
  assert.equal(server.embedded.requests.at(-1)?.headers['host'], `localhost:${serverPort}`);
  assert.equal(server.embedded.requests.at(-1)?.tlsServerName, 'localhost');
});

for (const scheme of ['http://', '']) {
  test(`an address that begins with ${JSON.stringify(scheme)} is plain HTTP and gets no credentials`, async t => {
    const requests: http.IncomingMessage[] = [];
    const plain = http.createServer((request, response) => {
      requests.push(request);
      response.end('plain');
    });
    t.after(() => plain.close().closeAllConnections());
    const port = await listen(plain);
    const proxy = await startWith(t, { server: `${scheme}127.0.0.1:${port}`, token: 'token-of-alice' });
    assert.equal(await (await fetch(`${proxy.url}/plain`)).text(), 'plain');
    const request = requests.find(({ url }) => url === '/plain');
    assert.ok(request);
    assert.equal(request.headers.authorization, undefined);
  });
}
