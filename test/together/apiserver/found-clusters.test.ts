import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../apiserver/kubectl-stack.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { send } from '../../support/clients/http-client.js';
import { kubectl, seen, startKubectl } from '../../support/clients/kubectl.js';
import { eventually } from '../../support/eventually.js';
import { certificateUser, kubeconfigOf, secretOf } from '../../support/found-clusters/found-objects.js';
import { startOwnApiServer } from '../../support/kube-apiserver/run.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('kubectl uses a found cluster by the served kubeconfig and its token for /, until the cluster is gone', async (t, home) => {
  const [{ server: east }, namespace, files] = await Promise.all([
    startOwnApiServer(t, home),
    home.createNamespace(),
    createServingFiles(),
  ]);
  const id = randomUUID().slice(0, 8);
  const gateway = `gateway-${id}`;
  await Promise.all([
    home.bind(namespace, gateway, [
      { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch', 'get'] },
    ]),
    home.grant(gateway, [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] },
    ]),
    home.admin.do('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'robot' } }),
  ]);
  const token = await home.tokenOf(namespace, 'robot');
  const robot = `system:serviceaccount:${namespace}:robot`;
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create'] }];
  await east.grant(robot, rules);
  const owner = certificateUser(
    await east.authority.client({ commonName: 'owner', organizations: ['system:masters'] }),
  );
  const secret = secretOf(
    'east',
    kubeconfigOf('east', { url: east.url, ca: east.authority.certificate, user: owner }),
  );
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  await home.admin.do('POST', secrets, secret);
  const proxy = await startInProcess(t, [
    `--kubeconfig=${await home.kubeconfig({ commonName: gateway, organizations: [] })}`,
    ...[`--clusters-from=cluster-api:${namespace}`, '--clusters-from-servers=127\\.0\\.0\\.1'],
    ...['--authentication-token-webhook', ...files.flags],
  ]);
  const ask = (path: string) =>
    send(proxy.port, path, {
      headers: { authorization: `Bearer ${token}`, host: `localhost:${proxy.port}` },
      tls: { ca: files.authority.certificate },
    });
  const context = `${namespace}.east`;
  await eventually('the kubeconfig has it', async () => (await ask('/-/kubeconfig')).text.includes(context));
  const config = join(temporaryFolder(), 'config');
  await writeFile(config, (await ask('/-/kubeconfig')).text.replaceAll('PASTE-YOUR-TOKEN-HERE', token));
  const authority = join(temporaryFolder(), 'ca.crt');
  await writeFile(authority, files.authority.certificate);
  const common = [`--context=${context}`, `--certificate-authority=${authority}`];
  // The token is there once: it is that of / and of the found cluster.
  assert.equal((await readFile(config, 'utf8')).split(token).length, 2);
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await kubectl([...common, ...args], { env: { KUBECONFIG: config } });
    return `${code} ${stdout}${stderr}`;
  };
  assert.match(
    await run('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'),
    new RegExp(`^0 ${robot}$`),
  );
  const name = `of-${id}`;
  assert.match(await run('create', 'configmap', name), /^0 /);
  assert.equal((await east.admin.ask('GET', `/api/v1/namespaces/default/configmaps/${name}`)).status, 200);
  assert.equal((await home.admin.ask('GET', `/api/v1/namespaces/default/configmaps/${name}`)).status, 404);
  assert.match(await run('get', 'nodes'), /^1 .*Forbidden/);
  assert.match(
    await run('get', 'configmaps', '--as=system:admin', '--as-group=system:masters'),
    /^1 .*not accepted/s,
  );

  const watching = startKubectl([...common, 'get', 'configmaps', '-w', '-o', 'name'], { KUBECONFIG: config });
  t.after(() => watching.kill());
  await seen(watching, new RegExp(`configmap/${name}`));
  const ended = new Promise(resolve => watching.once('close', resolve));
  await home.admin.do('DELETE', `${secrets}/east-kubeconfig`);
  await ended;
  await eventually('it is gone', async () =>
    /^1 .*(?:NotFound|could not find)/s.test(await run('get', 'configmaps')),
  );
  assert.doesNotMatch(proxy.stderr(), new RegExp(token.slice(-40)));
});
