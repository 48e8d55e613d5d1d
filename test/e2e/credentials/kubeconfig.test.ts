import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { after, type TestContext, test } from 'node:test';
import { anyApiServer, embedded } from '../../support/any-api-server.js';
import { createCertificateAuthority, type KeyType } from '../../support/certificates/certificates.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
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

const intermediate = await authority.intermediate();
const chain = await intermediate.intermediate({ commonName: 'second' });
const stranger = await createCertificateAuthority({ commonName: 'stranger' });
const bundle = `# two of them\n${stranger.certificate}\n${authority.certificate}`.replaceAll('\n', '\r\n');
const byCertificate = { server: server.url, ca: authority.certificate };
const byToken = { server: tokenServer.url, ca: authority.certificate };

for (const [what, user, contents, form] of [
  [
    'a certificate with an RSA key',
    'rsa',
    async () => ({ ...byCertificate, ...(await admin('rsa', 'rsa2048')) }),
  ],
  [
    'a certificate with an EC key in files',
    'ec',
    async () => ({ ...byCertificate, ...(await admin('ec')) }),
    { credentials: 'files' },
  ],
  [
    'a certificate with an Ed25519 key',
    'ed25519',
    async () => ({ ...byCertificate, ...(await admin('ed25519', 'ed25519')) }),
  ],
  [
    'a certificate of an intermediate authority, with its chain',
    'chained',
    async () => ({ ...byCertificate, ...(await chain.client({ commonName: 'chained' })) }),
    { credentials: 'files' },
  ],
  [
    'a certificate, where one authority of a bundle has signed that of the server',
    'admin',
    async () => ({ ...byCertificate, ca: bundle, ...(await admin()) }),
  ],
  ['a token', 'alice', async () => ({ ...byToken, token: 'token-of-alice' })],
] as const satisfies readonly (readonly [
  string,
  string,
  () => Promise<KubeconfigContents>,
  KubeconfigForm?,
])[]) {
  test(`${what} authenticates`, async t => {
    const proxy = await startWith(t, await contents(), form);
    assert.equal(await whoami(proxy.url), user);
  });
}

test(
  'an API server whose certificate comes from an intermediate authority is trusted with only the root',
  embedded,
  async t => {
    const chained = await startFakeApiServer({ authority, serverCertificate: await intermediate.server() });
    t.after(() => chained.kill());
    const proxy = await startWith(t, { server: chained.url, ca: authority.certificate, ...(await admin()) });
    assert.equal(await whoami(proxy.url), 'admin');
  },
);

test('a tokenFile is relative to the kubeconfig, loses its line end and takes precedence over a token', async t => {
  const directory = await mkdtemp(join(folder, 'token-'));
  await writeFile(join(directory, 'token'), 'token-of-bob\n');
  const contents = { ...byToken, token: 'token-of-alice', user: { tokenFile: 'token' } };
  const proxy = await startWith(t, contents, { directory });
  assert.equal(await whoami(proxy.url), 'bob');
});

// kube-apiserver has accepted no passwords since 1.19.
test(
  "a client's own Authorization takes precedence over a configured token or password",
  embedded,
  async t => {
    const withToken = await startWith(t, { ...byToken, token: 'token-of-alice' });
    const withPassword = await startWith(t, { ...byToken, username: 'carol', password: 'pass' });
    assert.equal(await whoami(withPassword.url), 'carol');
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

// The server's address

test('the API server is reached over IPv6', embedded, async t => {
  const forwarder = net.createServer(socket => {
    pipeline(socket, net.connect(serverPort, '127.0.0.1'), socket, () => {});
  });
  t.after(() => forwarder.close());
  forwarder.listen(0, '::1');
  const isThere = await once(forwarder, 'listening').then(
    () => true,
    () => false,
  );
  if (!isThere) return t.skip('there is no IPv6 loopback here');
  const { port } = forwarder.address() as AddressInfo;
  const contents = { server: `https://[::1]:${port}`, ca: authority.certificate, ...(await admin()) };
  const proxy = await startWith(t, contents);
  assert.equal(await whoami(proxy.url), 'admin');
  assert.equal(server.embedded.requests.at(-1)?.headers['host'], `[::1]:${port}`);
});

test('an address that begins with http://, or has no scheme, is plain HTTP and gets no credentials', async t => {
  const requests: http.IncomingMessage[] = [];
  const plain = http.createServer((request, response) => {
    requests.push(request);
    response.end('plain');
  });
  t.after(() => plain.close().closeAllConnections());
  const port = await listen(plain);
  for (const scheme of ['http://', '']) {
    const proxy = await startWith(t, { server: `${scheme}127.0.0.1:${port}`, token: 'token-of-alice' });
    assert.equal(await (await fetch(`${proxy.url}/plain`)).text(), 'plain');
  }
  const sent = requests.filter(({ url }) => url === '/plain');
  assert.deepEqual(
    sent.map(({ headers }) => headers.authorization),
    [undefined, undefined],
  );
});
