import assert from 'node:assert/strict';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The embedded one rejects the TLS handshake without a certificate of its authority, with or without a chain. */
const server = await embeddedApiServer({ after }, { clientCertificates: 'required' });
const { authority } = server;

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

test('the default is ~/.kube/config, without a flag and KUBECONFIG, with paths relative to ~/.kube', async t => {
  const HOME = temporaryFolder();
  const directory = join(HOME, '.kube');
  await mkdir(directory);
  const known = { server: server.url, ca: authority.certificate };
  const contents = { ...known, ...(await authority.client({ commonName: 'at-home' })) };
  const file = await writeKubeconfig(contents, { directory, credentials: 'files' });
  await rename(file.path, join(directory, 'config'));
  const proxy = await startProxyFor(t, [], { HOME });
  assert.equal(await whoami(proxy.url), 'at-home');
  const empty = await startInProcess(t, [], { HOME, KUBECONFIG: '' });
  assert.equal(await whoami(empty.url), 'at-home');
});
