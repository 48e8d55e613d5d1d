import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { hasKubectl, kubectl, kubectlTest } from '../support/clients/kubectl.js';
import { constrainedGateway } from '../support/documents/constrained-manifests.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Manifest, only, optionsOf, proxyOf, render } from './manifests.js';

const manifests = hasKubectl ? await render('gateway') : [];
const podOf = (made: readonly Manifest[]) => only(made, 'Deployment').spec.template.spec;
const optionsIn = (made: readonly Manifest[]) => optionsOf(proxyOf(podOf(made)));

kubectlTest('a Pod of deploy/gateway gets the time of its drain and 3 s more', () => {
  const pod = podOf(manifests);
  const { shutdownDelay, shutdownGrace } = optionsIn(manifests);
  const preStop = proxyOf(pod).lifecycle?.preStop.sleep.seconds ?? 0;
  assert.ok(preStop > 0 && shutdownDelay > 0);
  assert.ok(preStop + (shutdownDelay + shutdownGrace) / 1000 + 3 <= pod.terminationGracePeriodSeconds);
});

kubectlTest('the flags that the kustomization of deploy/gateway shows are added to its own', async () => {
  const folder = temporaryFolder();
  for (const name of ['gateway', 'image'])
    await cp(projectFile(`deploy/${name}`), join(folder, name), { recursive: true });
  const file = join(folder, 'gateway/kustomization.yaml');
  const written = await readFile(file, 'utf8');
  await writeFile(file, written.replace(/^# (?=patches:| )/gm, ''));
  const { stdout, stderr } = await kubectl(['kustomize', join(folder, 'gateway')]);
  assert.equal(stderr, '');
  const changed = optionsIn(parseAllDocuments(stdout).map(document => document.toJS() as Manifest));
  const oidc = { oidcIssuerUrl: 'https://login.example/realms/dev', oidcClientId: 'kube-api-proxy' };
  const found = { servesClusters: true, clustersFrom: [{ kind: 'cluster-api', namespace: 'fleet' }] };
  // Lists of expressions are compared by their text.
  assert.equal(
    JSON.stringify(changed),
    JSON.stringify({ ...optionsIn(manifests), ...oidc, ...found, serviceAccountsByName: true }),
  );
});

kubectlTest(
  'deploy/gateway has no verb impersonate with rbac-constrained.yaml, and else the same objects',
  async () => {
    const { stdout, stderr } = await kubectl(['kustomize', await constrainedGateway()]);
    assert.equal(stderr, '');
    const constrained = parseAllDocuments(stdout).map(document => document.toJS() as Manifest);
    const verbs = verbsOf(constrained);
    assert.ok(verbs.has('impersonate:user-info') && verbs.has('impersonate-on:serviceaccount:get'));
    assert.ok(!verbs.has('impersonate') && !verbs.has('*'));
    assert.ok(verbsOf(manifests).has('impersonate'));
    const others = (made: readonly Manifest[]) => made.filter(({ kind }) => !kind.includes('Role'));
    assert.deepEqual(others(constrained), others(manifests));
  },
);

function verbsOf(made: readonly Manifest[]): Set<string> {
  return new Set(made.flatMap(({ rules = [] }) => rules.flatMap(({ verbs }) => verbs)));
}

kubectlTest('deploy/gateway leaves the number of replicas to its autoscaler, from two up', () => {
  assert.equal(only(manifests, 'Deployment').spec.replicas, undefined);
  assert.equal(only(manifests, 'HorizontalPodAutoscaler').spec.minReplicas, 2);
});

kubectlTest(
  "deploy/gateway listens on the ports that its Service leads to, and accepts the Service's names",
  () => {
    const options = optionsIn(manifests);
    assert.equal(options.address, '0.0.0.0');
    const listening = new Map([
      ['https', options.port],
      ['admin', options.adminPort],
    ]);
    const { ports } = proxyOf(podOf(manifests));
    assert.deepEqual(new Map(ports?.map(port => [port.name, port.containerPort])), listening);
    for (const { name, targetPort } of only(manifests, 'Service').spec.ports) {
      assert.equal(targetPort, name);
      assert.ok(listening.has(targetPort));
    }
    const names = ['', '.kube-api-proxy', '.kube-api-proxy.svc', '.kube-api-proxy.svc.cluster.local'];
    for (const suffix of names) assert.ok(options.acceptHosts.matches(`kube-api-proxy${suffix}`), suffix);
    for (const host of ['kube-api-proxy.example', 'x.kube-api-proxy', 'kube-api-proxyXsvc', 'example'])
      assert.ok(!options.acceptHosts.matches(host), host);
  },
);

kubectlTest(
  'deploy/gateway authenticates its callers over TLS, and needs no flag that allows open access',
  () => {
    const pod = podOf(manifests);
    const options = optionsIn(manifests);
    assert.equal(options.insecureAllowUnauthenticated, false);
    assert.equal(options.authenticationTokenWebhook, true);
    const mount = proxyOf(pod).volumeMounts?.find(({ name }) => name === 'tls');
    assert.ok(pod.volumes?.some(({ name, secret }) => name === 'tls' && secret !== undefined));
    assert.equal(options.tlsCertFile, `${mount?.mountPath}/tls.crt`);
    assert.equal(options.tlsPrivateKeyFile, `${mount?.mountPath}/tls.key`);
    assert.ok(options.maxRequestsInflightPerUser > 0 && options.maxLongrunningRequestsPerUser > 0);
    assert.equal(options.auditLogPath, '-');
  },
);
