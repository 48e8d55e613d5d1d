import assert from 'node:assert/strict';
import { send } from '../../support/clients/http-client.js';
import { hasKubectl, kubectl } from '../../support/clients/kubectl.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { constrainedGateway } from '../../support/documents/constrained-manifests.js';
import { helm } from '../../support/documents/helm.js';
import { eventuallyPasses } from '../../support/eventually.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { projectFile } from '../../support/project.js';
import { startProxy } from '../../support/proxy/proxy.js';

/** Makes the manifests of one way to deploy the gateway. */
async function output(
  command: Promise<{ code: number | null; stdout: string; stderr: string }>,
): Promise<string> {
  const { code, stdout, stderr } = await command;
  assert.equal(code, 0, stderr);
  return stdout;
}

const chart = projectFile('deploy/helm/kube-api-proxy');
const deployments = [
  {
    what: 'deploy/gateway',
    namespace: 'kube-api-proxy',
    account: 'kube-api-proxy',
    others: [],
    render: () => output(kubectl(['kustomize', projectFile('deploy/gateway')])),
  },
  {
    what: 'the Helm chart',
    namespace: 'of-the-chart',
    account: 'chart-kube-api-proxy',
    /** The users as whom callers may act. */
    others: ['bob@example.com'],
    render: () =>
      output(
        Promise.resolve(
          helm([
            ...['template', 'chart', chart, '--namespace=of-the-chart'],
            `--values=${projectFile('deploy/gateway/values.yaml')}`,
            ...['--set=impersonation.enabled=true', '--set=impersonation.users={bob@example.com}'],
            '--set=impersonation.groups={testers}',
          ]),
        ),
      ),
  },
];

async function tokenOf(server: ApiServer, namespace: string, name: string): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const { status } = await server.admin.ask('POST', accounts, { metadata: { name } });
  assert.ok(status === 201 || status === 409, `${namespace}/${name}: ${status}`);
  return server.tokenOf(namespace, name);
}

async function apply(server: ApiServer, manifests: string): Promise<void> {
  const env = { KUBECONFIG: await server.kubeconfig() };
  await output(kubectl(['apply', '--filename=-'], { env, input: manifests }));
}

for (const { what, namespace, account, others, render } of deployments) {
  test(`the gateway of ${what} may act as a service account of its own namespace, and as none of another one with its name`, async (t, server) => {
    if ((await kubectl(['version', '--client']).catch(() => ({ code: 1 }))).code !== 0) {
      return t.skip('kubectl is not in PATH');
    }
    if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
    const other = await server.createNamespace();
    for (const name of [namespace, 'dashboards']) {
      const { status } = await server.admin.ask('POST', '/api/v1/namespaces', { metadata: { name } });
      assert.ok(status === 201 || status === 409, name);
    }
    await apply(server, await render());
    const kubeconfig = await server.kubeconfig({ token: await tokenOf(server, namespace, account) });

    // Whoever has the gateway's credential names no groups: the API server adds those of the account's namespace.
    const direct = await startProxy([`--kubeconfig=${kubeconfig}`]);
    t.after(() => direct.stop('SIGKILL'));
    const actAs = (user: string) =>
      send(direct.port, selfReviewPath, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'impersonate-user': user },
        body: selfReview,
      });
    await eventuallyPasses(async () => {
      const { status, text } = await actAs('system:serviceaccount:dashboards:dashboard');
      assert.equal(status, 201, text);
      assert.match(text, /"system:serviceaccounts:dashboards"/);
    });
    for (const of of [other, 'default', 'kube-system', namespace]) {
      const { status, text } = await actAs(`system:serviceaccount:${of}:dashboard`);
      assert.equal(status, 403, text);
      assert.ok(text.includes(`in the namespace \\"${of}\\"`), text);
    }
    assert.equal((await actAs('system:serviceaccount:dashboards:builder')).status, 403);

    const gateway = await startProxy([
      `--kubeconfig=${kubeconfig}`,
      ...['--authentication-token-webhook', '--allow-impersonation'],
    ]);
    t.after(() => gateway.stop('SIGKILL'));
    await eventuallyPasses(async () => {
      const { status, text } = await send(gateway.port, '/-/readyz?verbose');
      assert.equal(status, 200, text);
    });
    for (const [from, code] of [
      ['dashboards', 201],
      ['kube-system', 403],
      [other, 403],
    ] as const) {
      const token = await tokenOf(server, from, 'dashboard');
      const answer = await send(gateway.port, selfReviewPath, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: selfReview,
      });
      assert.equal(answer.status, code, answer.text);
    }

    // As whom a caller may act: the API server has to let the caller, and then the gateway.
    const dashboard = 'system:serviceaccount:dashboards:dashboard';
    const impersonate = { apiGroups: [''], verbs: ['impersonate'] };
    await server.grant(dashboard, [
      { ...impersonate, resources: ['users'], resourceNames: ['bob@example.com', 'dave@example.com'] },
      { ...impersonate, resources: ['groups'], resourceNames: ['testers'] },
      { ...impersonate, resources: ['serviceaccounts'], resourceNames: ['dashboard'] },
      { apiGroups: ['authentication.k8s.io'], verbs: ['impersonate'], resources: ['uids'] },
    ]);
    const token = await tokenOf(server, 'dashboards', 'dashboard');
    const cannot = (user: string, name: string) =>
      new RegExp(`\\\\"${name}\\\\" is forbidden: User \\\\"${user}\\\\" cannot impersonate`);
    const itself = `system:serviceaccount:${namespace}:${account}`;
    const bob = others.length > 0 ? 201 : cannot(itself, 'bob@example.com');
    for (const [user, groups, expected] of [
      ['bob@example.com', [], bob],
      ['bob@example.com', ['testers'], bob],
      [dashboard, [], 201],
      ['dave@example.com', [], cannot(itself, 'dave@example.com')],
      ['alice@example.com', [], cannot(dashboard, 'alice@example.com')],
      ['bob@example.com', ['developers'], cannot(dashboard, 'developers')],
      [`system:serviceaccount:${other}:dashboard`, [], cannot(itself, 'dashboard')],
      ['bob@example.com', ['system:masters'], /is reserved by Kubernetes/],
    ] as const) {
      const { status, text } = await send(gateway.port, selfReviewPath, {
        method: 'POST',
        headers: {
          ...{ 'content-type': 'application/json', authorization: `Bearer ${token}` },
          ...{ 'impersonate-user': user, 'impersonate-group': [...groups], 'impersonate-uid': '7' },
        },
        body: selfReview,
      });
      assert.equal(status, expected === 201 ? 201 : 403, `${user} ${groups.join()}: ${text}`);
      assert.match(text, expected === 201 ? /"uid":"7"/ : expected);
    }
  });
}

test('a service account calls through deploy/gateway with rbac-constrained.yaml by its name alone, and the roles of before leave nothing', async (t, server) => {
  if (server.minorVersion < 36) return t.skip('the API server has no constrained impersonation');
  if (!hasKubectl) return t.skip('kubectl is not in PATH');
  for (const name of ['kube-api-proxy', 'dashboards']) {
    const { status } = await server.admin.ask('POST', '/api/v1/namespaces', { metadata: { name } });
    assert.ok(status === 201 || status === 409, name);
  }
  // As somebody does who has the gateway already.
  await apply(server, await output(kubectl(['kustomize', projectFile('deploy/gateway')])));
  await apply(server, await output(kubectl(['kustomize', await constrainedGateway()])));
  const kubeconfig = await server.kubeconfig({
    token: await tokenOf(server, 'kube-api-proxy', 'kube-api-proxy'),
  });
  const [gateway, whole] = await Promise.all(
    [['--service-accounts-by-name'], []].map(async flags => {
      const args = [`--kubeconfig=${kubeconfig}`, '--authentication-token-webhook', '--reject-paths='];
      const started = await startProxy([...args, ...flags]);
      t.after(() => started.stop('SIGKILL'));
      return started;
    }),
  );
  const dashboard = await tokenOf(server, 'dashboards', 'dashboard');
  const ask = (method: string, path: string, token = dashboard, by = gateway) =>
    send(by?.port ?? 0, path, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: method === 'GET' ? '' : selfReview,
    });
  await eventuallyPasses(async () => {
    const { status, text } = await send(gateway?.port ?? 0, '/-/readyz?verbose');
    assert.equal(status, 200, text);
  });
  const { status, text } = await ask('POST', selfReviewPath);
  assert.equal(status, 201, text);
  assert.match(
    text,
    /"groups":\["system:serviceaccounts","system:serviceaccounts:dashboards","system:authenticated"\]/,
  );
  assert.doesNotMatch(text, /"uid"|"extra"/);

  const user = 'system:serviceaccount:dashboards:dashboard';
  const group = { apiGroups: [''], resources: ['pods', 'pods/exec', 'secrets'] };
  t.after(await server.grant(user, [{ ...group, verbs: ['get', 'list', 'create', 'delete'] }]));
  const pods = '/api/v1/namespaces/default/pods';
  assert.equal((await ask('GET', pods)).status, 200);
  for (const [method, path, what] of [
    ['DELETE', `${pods}/no-such`, 'delete pods'],
    ['GET', '/api/v1/secrets', 'list secrets'],
    ['GET', `${pods}/web-0/exec?command=true`, 'get pods/exec'],
  ] as const) {
    const refused = await ask(method, path);
    assert.equal(refused.status, 403, refused.text);
    assert.match(
      refused.text,
      new RegExp(`this proxy may not ${what}, whoever asks; .*impersonate-on:serviceaccount:`),
    );
  }
  for (const from of ['kube-system', 'default'])
    assert.equal(
      (await ask('POST', selfReviewPath, await tokenOf(server, from, 'dashboard'))).status,
      403,
      from,
    );
  // Named with uid, groups and extra fields, no mode takes it.
  assert.equal((await ask('POST', selfReviewPath, dashboard, whole)).status, 403);
});
