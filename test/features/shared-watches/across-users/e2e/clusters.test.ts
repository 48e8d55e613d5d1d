import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { openWatch } from '../../../../support/clients/watch-client.js';
import { eventually } from '../../../../support/eventually.js';
import { startFakeApiServer } from '../../../../support/fake-api-server/fake-api-server.js';
import { proxyToken } from '../../../../support/identities/two-users.js';
import { callersFlag } from '../../../../support/proxy/callers.js';
import { startInProcess } from '../../../../support/proxy/in-process.js';
import { addContext, emptyKubeconfig } from '../../../../support/proxy/many-clusters.js';
import { temporaryFolder } from '../../../../support/temporary-folder.js';

test('a right in one cluster lets nobody join a watch of another one, where others share it', async t => {
  const folder = temporaryFolder();
  const clusters = ['one', 'two'];
  const servers = await Promise.all(
    clusters.map(async name => {
      const server = await startFakeApiServer({
        clientCertificates: 'optional',
        tokens: { [proxyToken]: { username: 'proxy' } },
        allow: ({ username }, { verb }) =>
          username === 'proxy' || verb !== 'watch' || username !== 'ann' || name === 'one',
      });
      t.after(() => server.kill());
      server.write({
        ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
        ...{ metadata: { name: 'v1.' }, spec: { version: 'v1' } },
      });
      return server;
    }),
  );
  const config = emptyKubeconfig('one');
  for (const [index, server] of servers.entries())
    addContext(config, clusters[index] as string, server, { user: { token: proxyToken } });
  const [kubeconfig, tokens] = [join(folder, 'config'), join(folder, 'tokens.csv')];
  await writeFile(kubeconfig, stringify(config), { mode: 0o600 });
  await writeFile(tokens, 'ann,ann,,\nbob,bob,,\neve,eve,,\n', { mode: 0o600 });
  const flags = ['--all-contexts', '--share-watches', '--share-watches-across-users', callersFlag(tokens)];
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig}`, ...flags]);
  const open = async (user: string, index: number, namespace = 'default') => {
    const target = `/api/v1/namespaces/${namespace}/configmaps?watch=1&resourceVersion=${servers[index]?.version}`;
    const headers = { Authorization: `Bearer ${user}` };
    const watch = await openWatch(`${proxy.url}/clusters/${clusters[index]}${target}`, { headers });
    t.after(() => watch.close());
    return watch.status;
  };
  // The program shares once it knows whose its own token is, and who serves the API.
  for (const index of clusters.keys())
    await eventually('a shared watch', async () => {
      const namespace = randomUUID();
      for (const user of ['bob', 'eve']) await open(user, index, namespace);
      return servers[index]?.watches.filter(({ rawUrl }) => rawUrl.includes(namespace)).length === 1;
    });
  const statuses = [];
  for (const user of ['bob', 'ann', 'eve'])
    for (const [index, name] of clusters.entries())
      statuses.push(`${user} ${name} ${await open(user, index)}`);
  assert.deepEqual(statuses, [
    ...['bob one 200', 'bob two 200', 'ann one 200', 'ann two 403', 'eve one 200', 'eve two 200'],
  ]);
  const sentAs = servers.map(server =>
    server.watches
      .filter(({ rawUrl }) => rawUrl.includes('/default/configmaps'))
      .map(({ impersonated }) => impersonated?.username),
  );
  assert.deepEqual(sentAs, [['bob'], ['bob', 'ann']]);
});
