import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertStatus, send } from '../../../e2e/leg.js';
import { send as sendPlain } from '../../../support/clients/http-client.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startRestartableServer } from '../../../support/kube-apiserver/restartable-server.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { NumberedObjects } from './numbered-objects.js';
import { Reflector } from './reflector.js';

/** A token of a service account, valid for an hour. */
async function tokenOf({ admin }: ApiServer, account: string): Promise<string> {
  const { status } = (await admin.do('POST', `${account}/token`, { spec: { expirationSeconds: 3600 } })) as {
    readonly status: { readonly token: string };
  };
  return status.token;
}

test('after a restart with another service account key the program is refused, and goes on as soon as its token file has a new token', async (t, run) => {
  const folder = temporaryFolder();
  await cp(run.location.files, folder, { recursive: true });
  const own = await startRestartableServer(t, run, { files: folder });
  const objects = await NumberedObjects.in(own.server);
  const [, , , , namespace] = objects.path.split('/');
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await own.server.admin.do('POST', accounts, { metadata: { name: 'proxy' } });
  await own.server.grant(`system:serviceaccount:${namespace}:proxy`, [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] },
  ]);
  const tokenFile = join(folder, 'token');
  const renewToken = async () => replaceFile(tokenFile, await tokenOf(own.server, `${accounts}/proxy`));
  await renewToken();
  const kubeconfig = await writeKubeconfig(
    { server: own.server.url, ca: run.authority.certificate, user: { tokenFile } },
    { directory: folder },
  );
  const [plain, sharing] = await Promise.all([
    startProxy([`--kubeconfig=${kubeconfig.path}`, '--reject-paths=']),
    startProxy([`--kubeconfig=${kubeconfig.path}`, '--share-watches']),
  ]);
  t.after(() => Promise.all([plain.stop('SIGKILL'), sharing.stop('SIGKILL')]));
  const reflectors = [plain, sharing].flatMap(({ url }) =>
    Array.from({ length: 5 }, () => new Reflector(t, url + objects.path)),
  );
  const untilAll = (count: number) =>
    Promise.all(reflectors.map(reflector => reflector.until(count, 120_000)));
  await objects.create(own.server, 5);
  await untilAll(5);

  await own.kill();
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await writeFile(own.server.file('serviceAccountPublicKey'), keys.publicKey);
  await writeFile(own.server.file('serviceAccountKey'), keys.privateKey);
  await own.restart();
  await objects.create(own.server, 5);
  for (const { port } of [plain, sharing]) {
    assertStatus(await send(port, { target: objects.path }), 401, 'plain');
    // readyz keeps a check that passed for 10 s.
    await eventuallyPasses(async () => {
      const { status, text } = await sendPlain(port, '/-/readyz?verbose');
      assert.equal(status, 500);
      assert.match(text, /^\[-\]credentials failed: .* \(401\)$/m);
    });
  }
  const upgrade = { leg: 'spdy', target: `/api/v1/namespaces/${namespace}/pods/web/portforward` } as const;
  assertStatus(await send(plain.port, upgrade), 401, 'spdy');

  await renewToken();
  await eventuallyPasses(async () => assert.equal((await sendPlain(plain.port, objects.path)).status, 200));
  await untilAll(10);
  // The API server knows whose request it is, and answers that this user may not do that.
  assertStatus(await send(plain.port, upgrade), 403, 'spdy');
  for (const { port } of [plain, sharing]) {
    await eventuallyPasses(async () => assert.equal((await sendPlain(port, '/-/readyz')).status, 200));
  }
});
