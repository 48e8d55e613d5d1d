import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { openWatch } from '../../../support/clients/watch-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { AnyWatchedNamespace } from '../../../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('contexts of several users at one API server never share a watch', async t => {
  const server = await embeddedApiServer({ after });
  const users = [`first-${randomUUID()}`, `second-${randomUUID()}`];
  const kubeconfig = join(temporaryFolder(), 'config');
  const cluster = { server: server.url, 'certificate-authority-data': base64(server.authority.certificate) };
  const entries = users.map(async name => {
    const { certificate, key } = await server.client(name);
    return { name, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } };
  });
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'api', cluster }],
    users: await Promise.all(entries),
    contexts: users.map(name => ({ name, context: { cluster: 'api', user: name } })),
    'current-context': users[0],
  };
  await writeFile(kubeconfig, stringify(config), { mode: 0o600 });
  const flags = ['--all-contexts', '--share-watches', '--reject-paths='];
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig}`, ...flags]);
  const namespace = await AnyWatchedNamespace.create({ server, proxy });
  const from = await namespace.version();
  const target = await namespace.target({ from });
  const watches = [];
  for (const name of [...users, ...users])
    watches.push(await openWatch(`${proxy.url}/clusters/${name}${target}`));
  await namespace.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  for (const watch of watches) watch.close();
  const found = (await namespace.upstream()).map(({ user }) => user?.username);
  assert.deepEqual(found.sort(), [...users].sort());
});
