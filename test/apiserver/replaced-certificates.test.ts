import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { assertStatus, send } from '../e2e/leg.js';
import type { CertificateAuthority } from '../support/certificates/certificate-issuing.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { openWatch } from '../support/clients/watch-client.js';
import { eventually, eventuallyPasses } from '../support/eventually.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../support/kube-apiserver/run.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startProxy } from '../support/proxy/proxy.js';

/** Milliseconds; the API server follows its files by inotify, and reads them once a minute. */
const patience = 120_000;

/** The fingerprint of the certificate that a server presents now. */
async function presented(url: string): Promise<string> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('a serving certificate that is replaced while the API server runs cuts no watch, and counts for connections that are new', async (t, run) => {
  const files = await createServingFiles();
  await files.write(await run.authority.server());
  const { server } = await startOwnApiServer(t, run, { flags: files.flags });
  const serve = async (authority: CertificateAuthority) => {
    const before = await presented(server.url);
    await files.write(await authority.server());
    await eventually('the new certificate', async () => (await presented(server.url)) !== before, patience);
  };
  const namespace = await server.createNamespace();
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const client = await run.authority.client();
  const contents = { server: server.url, ca: run.authority.certificate, ...client };
  const kubeconfig = await writeKubeconfig(contents, { credentials: 'files', directory: files.folder });
  const start = async () => {
    const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, '--reject-paths=']);
    t.after(() => proxy.stop('SIGKILL'));
    return proxy;
  };
  const proxy = await start();
  const create = async (name: string) => {
    const body = JSON.stringify({ metadata: { name } });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(proxy.url + path, { method: 'POST', headers, body });
    assert.equal(answer.status, 201, await answer.text());
  };
  // Each upgrade has a connection of its own. There is no such Pod: the API server answers 404.
  const target = `/api/v1/namespaces/${namespace}/pods/missing/portforward`;
  const connectAgain = ({ port } = proxy) => send(port, { leg: 'spdy', target });

  const watch = await openWatch(`${proxy.url}${path}?watch=true`);
  assert.equal((await connectAgain()).code, 404);
  await serve(run.authority);
  assert.equal((await connectAgain()).code, 404);
  await create('renewed');
  await watch.untilNamed('renewed');

  await serve(files.authority);
  // It resumes its TLS session, for which an API server shows no certificate.
  assert.equal((await connectAgain()).code, 404);
  const later = await start();
  assert.match(assertStatus(await connectAgain(later), 502, 'spdy'), /certificate/);
  await files.replace('ca.crt', run.authority.certificate + files.authority.certificate);
  await eventuallyPasses(async () => assert.equal((await connectAgain(later)).code, 404));
  assert.equal((await connectAgain()).code, 404);
  await create('trusted');
  await watch.untilNamed('trusted');
  assert.equal(watch.state(), 'open');
  watch.close();
});
