import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { hasKubectl } from '../../support/clients/kubectl.js';
import { helm } from '../../support/documents/helm.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { writeExecPlugin } from '../../support/identities/exec-plugin.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { projectFile } from '../../support/project.js';
import { startSigningIssuer } from '../signing-issuer.js';
import { account, chart, Release } from './gateway-release/release.js';

const group = 'rbac.authorization.k8s.io';

/** The commands of the notes that match, in their order, with the gateway's port. */
function commandsOf(notes: string, pattern: RegExp, port: number): string[] {
  return [...notes.matchAll(/^ {5}(\S.*)$/gm)]
    .map(([, command = '']) => command.replace('localhost:8443', `localhost:${port}`))
    .filter(command => pattern.test(command));
}

/** Gives `view` its rules, as the controller manager does, which is not there. */
async function fillView(server: ApiServer): Promise<void> {
  const roles = `/apis/${group}/v1/clusterroles`;
  const { rules } = (await server.admin.do('GET', `${roles}/system:aggregate-to-view`)) as { rules: unknown };
  await server.admin.do('PATCH', `${roles}/view`, { rules });
}

/** The tutorial: its commands, and what it says that they print. */
const tutorial = (await readFile(projectFile('deploy/gateway/README.md'), 'utf8')).replaceAll(/^ {3}/gm, '');
const [, valuesOfTutorial = ''] = /^helm install .*\\\n((?:.*\\\n)*.*)$/m.exec(tutorial) ?? [];

const isMissing = !hasKubectl ? 'kubectl' : helm(['version']).code !== 0 ? 'helm' : undefined;

/** Does what the tutorial and the notes say, up to the Pods that alice may see; others get 403. More values may be set. */
async function follow(t: TestContext, server: ApiServer, more: readonly string[] = []): Promise<Release> {
  const release = await Release.prepare(server);
  const { issuer, caFile, sign } = await startSigningIssuer(
    t,
    await createCertificateAuthority(),
    'kube-api-proxy',
  );
  // Its name comes after those of the Pods that are there for other files.
  const pod = `web-of-${release.namespace}`;
  const containers = [{ name: 'web', image: 'web' }];
  await server.admin.do('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: pod },
    spec: { containers },
  });
  t.after(() => server.admin.ask('DELETE', `/api/v1/namespaces/default/pods/${pod}?gracePeriodSeconds=0`));
  await fillView(server);
  const oidc = [
    ...[`--set=oidc.issuerURL=${issuer.url}`, '--set=oidc.clientID=kube-api-proxy'],
    ...['--set=oidc.usernameClaim=email', `--set-file=oidc.ca=${caFile}`],
  ];
  const values = valuesOfTutorial.replaceAll(/['\\]/g, '').trim().split(/\s+/);
  const notes = release.helm('install', 'gw', chart, ...values, ...oidc, ...more);
  t.after(() =>
    Promise.all(
      ['first-person', 'first-group'].map(name =>
        server.admin.ask('DELETE', `/apis/${group}/v1/namespaces/default/rolebindings/${name}`),
      ),
    ),
  );
  const proxy = await release.start(t);

  // kubectl runs it as the plugin oidc-login, which the served kubeconfig names.
  const plugin = await writeExecPlugin({ name: 'kubectl-oidc_login' });
  t.after(() => plugin.remove());
  await plugin.answer({ token: sign({ email: 'alice@example.com', groups: ['developers'] }) });
  const commands = commandsOf(notes, / get secret |^curl |rolebinding|whoami|get pods/, proxy.port);
  const [getAuthority = '', fetch = '', bind = '', whoami = '', getPods = '', ...others] = commands;
  assert.deepEqual(others, []);
  for (const command of commands) {
    const written = command.replace(`:${proxy.port}`, ':8443').replace(release.namespace, 'kube-api-proxy');
    assert.ok(tutorial.includes(`\n${written}\n`), written);
  }
  /** Runs a command that prints what the tutorial says. */
  const runs = async (command: string) => {
    const printed = await release.run(command, plugin.directory);
    assert.ok(tutorial.includes(`\`\`\`\n${printed}\`\`\``), printed);
  };
  await release.run(getAuthority);
  await release.run(fetch);
  // The Service sends callers only to a Pod that is ready.
  const ready = `curl --fail --silent --show-error --cacert ca.crt https://localhost:${proxy.port}/-/readyz?verbose`;
  await eventuallyPasses(async () => assert.match(await release.run(ready), /\[\+\]impersonation ok/));
  await assert.rejects(
    release.run(getPods, plugin.directory),
    /alice@example\.com.* cannot list resource "pods"/,
  );
  await runs(bind);
  await runs(whoami);
  // The API server learns of a binding a little later.
  await eventuallyPasses(async () =>
    assert.match(await release.run(getPods, plugin.directory), new RegExp(`^${pod} `, 'm')),
  );
  assert.ok(plugin.args().includes(`--oidc-issuer-url=${issuer.url}`), plugin.args().join());

  await plugin.answer({ token: sign({ email: 'mallory@example.com', groups: ['everyone'] }) });
  await assert.rejects(
    release.run(getPods, plugin.directory),
    /does not let this proxy impersonate the group "oidc:everyone"/,
  );
  // kubectl says this of every 403.
  await assert.rejects(release.run(whoami, plugin.directory), /you do not have permission to call it/);
  const [remedy = ''] = /'callers\.groups=.*oidc:everyone\}'/.exec(tutorial) ?? [];
  release.helm('upgrade', 'gw', chart, '--reuse-values', `--set=${remedy.replaceAll("'", '')}`);
  await eventuallyPasses(async () =>
    assert.match(await release.run(whoami, plugin.directory), /\[oidc:everyone system:authenticated\]/),
  );
  return release;
}

test('the tutorial and the notes of the chart lead from nothing to the Pods that alice may see, and others get 403', async (t, server) => {
  if (isMissing !== undefined) return t.skip(`${isMissing} is not in PATH`);
  const release = await follow(t, server);
  const asGateway = `kubectl --kubeconfig=${await release.identity()}`;
  // SECURITY.md and the notes warn of this.
  await release.run(`${asGateway} get --raw=/version --as=system:kube-controller-manager`);
  await assert.rejects(
    release.run(`${asGateway} get --raw=/version --as=alice@example.com --as-group=system:masters`),
    /cannot impersonate resource "groups"/,
  );
  await assert.rejects(
    release.run(`${asGateway} get pods`),
    new RegExp(`User "system:serviceaccount:${release.namespace}:${account}" cannot list resource "pods"`),
  );
});

test('the same steps lead there with constrained impersonation, and the token of the gateway can then only read', async (t, server) => {
  if (server.minorVersion < 36) return t.skip('the API server has no constrained impersonation');
  if (isMissing !== undefined) return t.skip(`${isMissing} is not in PATH`);
  const release = await follow(t, server, [
    '--set=rbac.impersonation=constrained',
    '--set=rbac.acts=readOnly',
  ]);
  const asGateway = `kubectl --kubeconfig=${await release.identity()}`;
  await release.run(`${asGateway} get --raw=/version --as=system:kube-controller-manager`);
  await assert.rejects(
    release.run(`${asGateway} create configmap stolen --as=system:kube-controller-manager --dry-run=server`),
    /cannot impersonate-on:user-info:create resource "configmaps"/,
  );
});

test('a real API server accepts what the chart makes for tokens of a file, client certificates, an Ingress and a Secret of its own', async (t, server) => {
  if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
  const release = await Release.prepare(server);
  const authority = join(release.folder, 'clients.crt');
  await writeFile(authority, server.authority.certificate);
  const accounts = JSON.stringify([{ namespace: release.namespace, name: 'ci' }]);
  const notes = release.helm(
    ...['install', 'gw', chart, '--set=callers.mode=named', `--set-json=callers.serviceAccounts=${accounts}`],
    ...[`--set-file=clientCA=${authority}`, '--set=tokens.secretName=people', '--set=tls.secretName=mine'],
    ...['--set=publicURL=https://gw.example', '--set=ingress.enabled=true', '--set=dashboard.enabled=true'],
  );
  assert.match(notes, /get ingress gw-kube-api-proxy$/m);
  const made = (await server.admin.do(
    'GET',
    `/apis/networking.k8s.io/v1/namespaces/${release.namespace}/ingresses/${account}`,
  )) as { readonly spec: { readonly rules: readonly { readonly host: string }[] } };
  assert.equal(made.spec.rules[0]?.host, 'gw.example');
});
