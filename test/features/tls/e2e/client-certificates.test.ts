import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, test } from 'node:test';
import tls from 'node:tls';
import {
  type CertificatePair,
  createCertificateAuthority,
} from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { closed } from '../../../support/closed.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import type { Scope } from '../../../support/scope.js';

const authority = await createCertificateAuthority({ commonName: 'clients' });
/** Her name is new, because she gets rights. */
const janeName = `jane-${randomUUID()}`;
const jane = await authority.client({ commonName: janeName, organizations: ['dev'] });
const stranger = await (await createCertificateAuthority({ commonName: 'clients' })).client();
const server = await embeddedApiServer({ after });
await server.grant(janeName, [{ apiGroups: [''], resources: ['pods', 'pods/exec'], verbs: ['*'] }]);
const proxied = await start({ after });

async function start(scope: Scope, flags: readonly string[] = ['--reject-paths=']) {
  const files = await createServingFiles();
  const ca = await files.replace('clients.crt', authority.certificate);
  const args = [`--client-ca-file=${ca}`, ...flags];
  return startStack(scope, { run: startInProcess, server, flags: args, tls: files });
}

/** Sends a head over TLS and returns everything until the connection ends, or until the head of a 101. */
async function exchange(
  { port, ca }: { readonly port: number; readonly ca: string },
  pair: CertificatePair | undefined,
  head: string,
): Promise<string> {
  const socket = tls.connect({ port, ca, ...(pair && { cert: pair.certificate, key: pair.key }) });
  await once(socket, 'secureConnect');
  let received = '';
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
    if (received.startsWith('HTTP/1.1 101')) socket.destroy();
  });
  socket.write(head);
  await closed(socket);
  return received;
}

/** How many requests of clients have arrived at the API server. */
async function arrived(): Promise<number> {
  return (await server.arrivals()).filter(({ userAgent }) => userAgent !== 'kube-api-proxy').length;
}

const plain = 'GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const exec =
  'GET /api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true HTTP/1.1\r\nHost: localhost\r\n' +
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n';

for (const [leg, head, code] of [
  ['plain', plain, 200],
  ['upgrade', exec, 101],
] as const) {
  test(`a request (${leg}) with a certificate of --client-ca-file is accepted, and without one or with another it gets a 401`, async () => {
    assert.match(await exchange(proxied, jane, head), new RegExp(`^HTTP/1\\.1 ${code} `));
    const before = await arrived();
    for (const pair of [undefined, stranger]) {
      const answer = await exchange(proxied, pair, head);
      assert.match(answer, /^HTTP\/1\.1 401 [\s\S]*"kind":"Status"[\s\S]*"reason":"Unauthorized"/);
    }
    assert.equal(await arrived(), before);
  });
}

test('requests over HTTP/2 are authenticated by the certificate of their connection', async () => {
  for (const [pair, status] of [
    [jane, 200],
    [stranger, 401],
    [undefined, 401],
  ] as const) {
    const session = await connectHttp2(proxied.proxy.port, proxied.ca, {
      ...(pair && { cert: pair.certificate, key: pair.key }),
    });
    for (const path of ['/version', '/-/metrics'])
      assert.equal((await ask(session, path)).status, status, path);
    session.destroy();
  }
});

kubectlTest('kubectl passes with its client certificate', async () => {
  const { files, proxy } = proxied;
  const ca = await files.replace('ca.crt', proxied.ca);
  const certificate = await files.replace('jane.crt', jane.certificate);
  const key = await files.replace('jane.key', jane.key);
  const server = [`--server=https://127.0.0.1:${proxy.port}`, `--certificate-authority=${ca}`];
  const credential = [`--client-certificate=${certificate}`, `--client-key=${key}`];
  const { code, stdout, stderr } = await kubectl([...server, ...credential, 'get', 'pods', '--output=name']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /pod\/web-0/);
  const executed = await kubectl([...server, ...credential, 'exec', 'web-0', '--', 'echo', 'hello']);
  assert.equal(executed.stdout, 'hello\n', executed.stderr);
  const refused = await kubectl([...server, '--token=unused', 'get', 'pods']);
  assert.match(refused.stderr, /Unauthorized/);
});

test('a client cannot renegotiate, with another certificate or at all', async () => {
  const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${proxied.proxy.port}`, '-tls1_2']);
  let output = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream.on('data', chunk => {
      output += chunk;
    });
  }
  await eventually('the handshake', async () => /Verify return code/.test(output));
  client.stdin.write('R\n');
  await eventually('the refusal', async () => /no renegotiation/.test(output));
  client.kill('SIGKILL');
});

test('a gateway with client certificates may listen beyond loopback', async t => {
  const own = await start(t, ['--address=0.0.0.0']);
  assert.match(await exchange(own, jane, plain), /^HTTP\/1\.1 200 /);
  assert.doesNotMatch(own.proxy.stderr(), /no authentication/);
});
