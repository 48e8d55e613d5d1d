import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { send } from '../../../support/clients/http-client.js';
import { openWatch } from '../../../support/clients/watch-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { certificateUser, kubeconfigOf, secretOf } from '../../../support/found-clusters/found-objects.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { AuditLog } from '../../../support/kube-apiserver/audit-log.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('a cluster of Cluster API appears, serves callers, takes other credentials, outlives a broken Secret, and goes', async (t, home) => {
  const id = randomUUID().slice(0, 8);
  const [{ server: east }, { server: west }, namespace] = await Promise.all([
    startOwnApiServer(t, home),
    startOwnApiServer(t, home),
    home.createNamespace(),
  ]);
  const gatewayUser = `gateway-${id}`;
  await home.bind(namespace, gatewayUser, [
    { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch', 'get'] },
  ]);
  await east.grant('ann', [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create'] },
  ]);
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  const kubeconfig = (server: ApiServer, user: Record<string, unknown>) =>
    kubeconfigOf('east', { url: server.url, ca: server.authority.certificate, user });
  const put = async (value: string) =>
    home.admin.do('PUT', `${secrets}/east-kubeconfig`, secretOf('east', value));
  const adminOf = async (server: ApiServer, commonName: string) =>
    certificateUser(await server.authority.client({ commonName, organizations: ['system:masters'] }));

  const tokens = join(temporaryFolder(), 'tokens.csv');
  await replaceFile(tokens, 'token-of-ann,ann,,\n');
  const proxy = await startInProcess(t, [
    `--kubeconfig=${await home.kubeconfig({ commonName: gatewayUser, organizations: [] })}`,
    ...[`--clusters-from=cluster-api:${namespace}`, '--clusters-from-servers=127\\.0\\.0\\.1'],
    callersFlag(tokens),
  ]);
  const nobody = await startInProcess(t, [
    `--kubeconfig=${await home.kubeconfig({ commonName: `nobody-${id}`, organizations: [] })}`,
    `--clusters-from=cluster-api:${namespace}`,
  ]);
  await eventually('a gateway without the right says so, and goes on', async () => {
    const { status, text } = await send(nobody.port, '/-/readyz?verbose');
    return status === 200 && text.includes(`answers 403 to a list of ${secrets}`);
  });
  assert.equal((await send(nobody.port, '/version')).status, 200);
  const headers = { authorization: 'Bearer token-of-ann' };
  const ask = (path: string) => send(proxy.port, path, { headers });
  const prefix = `/clusters/${namespace}.east`;
  assert.equal((await ask(`${prefix}/version`)).status, 404);
  const created = await home.admin.do(
    'POST',
    secrets,
    secretOf('east', kubeconfig(east, await adminOf(east, 'first'))),
  );
  await home.admin.do('POST', secrets, secretOf('east', 'PRIVATE KEY', 'ca'));

  const audit = new AuditLog(east.location.auditLog);
  const configMaps = `${prefix}/api/v1/namespaces/default/configmaps`;
  const get = (auditId: string) =>
    send(proxy.port, configMaps, { headers: { ...headers, 'audit-id': auditId } });
  await eventually('it appears', async () => (await ask(configMaps)).status === 200);
  const users = async () => {
    const auditId = randomUUID();
    assert.equal((await get(auditId)).status, 200);
    const { user, impersonatedUser } = await audit.event(auditId, 'ResponseComplete');
    return [user.username, impersonatedUser?.username, impersonatedUser?.groups];
  };
  assert.deepEqual(await users(), ['first', 'ann', ['system:authenticated']]);
  assert.equal((await ask(`${prefix}/api/v1/pods`)).status, 403);

  const watch = await openWatch(`${proxy.url}${configMaps}?watch=1`, { headers });
  await put(kubeconfig(east, await adminOf(east, 'second')));
  await eventuallyPasses(async () =>
    assert.deepEqual(await users(), ['second', 'ann', ['system:authenticated']]),
  );
  await put('not: a kubeconfig: at all');
  const state = async () => {
    const { clusters } = JSON.parse((await ask('/-/clusters')).text) as {
      clusters: Record<string, string>[];
    };
    return clusters.find(({ name }) => name === `${namespace}.east`) ?? {};
  };
  await eventually('the state says so', async () => (await state())['reason'] !== undefined);
  assert.equal((await state())['state'], 'ready', JSON.stringify(await state()));
  assert.match((await ask('/-/readyz?verbose')).text, new RegExp(`warn: .*${namespace}\\.east: `));
  assert.doesNotMatch((await send(proxy.port, '/-/readyz?verbose')).text, /east/);
  assert.deepEqual(await users(), ['second', 'ann', ['system:authenticated']]);
  await home.admin.do('DELETE', `${secrets}/east-ca`);
  const name = `cm-${id}`;
  await east.admin.do('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name } });
  await eventually('the watch goes on', () => watch.lines().some(line => line.includes(name)));

  await put(kubeconfig(west, await adminOf(west, 'third')));
  await eventually('another server', async () => (await ask(configMaps)).status === 403);
  await put(kubeconfig(east, await adminOf(east, 'fourth')));
  await eventuallyPasses(async () => assert.equal((await users())[0], 'fourth'));

  const { metadata } = created as { metadata: { uid: string } };
  await home.admin.do('DELETE', `${secrets}/east-kubeconfig`, { preconditions: { uid: metadata.uid } });
  assert.equal(await watch.ended, 'end');
  assert.equal((await ask(configMaps)).status, 404);
  await eventually('its line', () => proxy.log().some(({ endedBy }) => endedBy === 'cluster'));
  await home.admin.do('POST', secrets, secretOf('east', kubeconfig(east, await adminOf(east, 'fifth'))));
  await eventually('readyz says it', async () =>
    (await ask('/-/readyz?verbose')).text.includes('another object has had its name'),
  );
  assert.equal((await ask(configMaps)).status, 404);
});
