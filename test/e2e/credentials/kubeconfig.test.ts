import assert from 'node:assert/strict';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createCertificateAuthority, type KeyType } from '../../support/certificates/certificates.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  type KubeconfigContents,
  type KubeconfigForm,
  writeKubeconfig,
} from '../../support/proxy/kubeconfig-file.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The embedded one rejects the TLS handshake without a certificate of its authority, with or without a chain. */
const server = await embeddedApiServer({ after }, { clientCertificates: 'required' });
const { authority } = server;
const masters = ['system:masters'];
/** Accepts tokens, and requests no certificate. */
const tokenServer = await embeddedApiServer(
  { after },
  { clientCertificates: 'none', tokens: { 'token-of-alice': { username: 'alice', groups: masters } } },
);

/** The user of the request at the API server, or the API server's rejection. */
async function whoami(url: string): Promise<string> {
  const response = await fetch(`${url}${selfReviewPath}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: selfReview,
  });
  const body = (await response.json()) as { message?: string; status?: { userInfo?: { username: string } } };
  return body.status?.userInfo?.username ?? `${response.status} ${body.message}`;
}

const admin = (commonName: string, keyType: KeyType = 'ec') => authority.client({ commonName, keyType });
const chain = await (await authority.intermediate()).intermediate({ commonName: 'second' });
const stranger = await createCertificateAuthority({ commonName: 'stranger' });
const bundle = `# two of them\n${stranger.certificate}\n${authority.certificate}`.replaceAll('\n', '\r\n');
const byCertificate = { server: server.url, ca: authority.certificate };

// test/credentials/ and test/kubeconfig/ have all forms of files and keys.
test('a certificate of any kind of key, its chain, a bundle of authorities, and a token authenticate', async t => {
  const kinds: Readonly<Record<string, readonly [contents: KubeconfigContents, form?: KubeconfigForm]>> = {
    rsa: [{ ...byCertificate, ...(await admin('rsa', 'rsa2048')) }],
    ed25519: [{ ...byCertificate, ca: bundle, ...(await admin('ed25519', 'ed25519')) }],
    chained: [
      { ...byCertificate, ...(await chain.client({ commonName: 'chained' })) },
      { credentials: 'files' },
    ],
    alice: [{ server: tokenServer.url, ca: authority.certificate, token: 'token-of-alice' }],
  };
  for (const [user, [contents, form]] of Object.entries(kinds)) {
    const file = await writeKubeconfig(contents, form ?? {});
    const proxy = await startInProcess(t, ['--kubeconfig', file.path]);
    assert.equal(await whoami(proxy.url), user);
  }
});

test('the default is ~/.kube/config, without a flag and KUBECONFIG, with paths relative to ~/.kube', async t => {
  const HOME = temporaryFolder();
  const directory = join(HOME, '.kube');
  await mkdir(directory);
  const contents = { ...byCertificate, ...(await admin('at-home')) };
  const file = await writeKubeconfig(contents, { directory, credentials: 'files' });
  await rename(file.path, join(directory, 'config'));
  const proxy = await startProxyFor(t, [], { HOME });
  assert.equal(await whoami(proxy.url), 'at-home');
  const empty = await startInProcess(t, [], { HOME, KUBECONFIG: '' });
  assert.equal(await whoami(empty.url), 'at-home');
});
