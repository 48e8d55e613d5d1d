import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { kubectl, kubectlTest } from '../support/clients/kubectl.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Manifest, only, optionsOf, proxyOf, render } from './manifests.js';

kubectlTest('a Pod of deploy/gateway gets the time of its drain and 3 s more', async () => {
  const pod = only(await render('gateway'), 'Deployment').spec.template.spec;
  const proxy = proxyOf(pod);
  const { shutdownDelay, shutdownGrace } = optionsOf(proxy);
  const preStop = proxy.lifecycle?.preStop.sleep.seconds ?? 0;
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
  const made = parseAllDocuments(stdout).map(document => document.toJS() as Manifest);
  const changed = optionsOf(proxyOf(only(made, 'Deployment').spec.template.spec));
  const own = optionsOf(proxyOf(only(await render('gateway'), 'Deployment').spec.template.spec));
  assert.equal(stderr, '');
  // Lists of expressions are compared by their text.
  const expected = {
    ...own,
    oidcIssuerUrl: 'https://login.example/realms/dev',
    oidcClientId: 'kube-api-proxy',
  };
  assert.equal(JSON.stringify(changed), JSON.stringify(expected));
});

kubectlTest('deploy/gateway leaves the number of replicas to its autoscaler, from two up', async () => {
  const manifests = await render('gateway');
  assert.equal(only(manifests, 'Deployment').spec.replicas, undefined);
  assert.equal(only(manifests, 'HorizontalPodAutoscaler').spec.minReplicas, 2);
});

kubectlTest('the Service of deploy/gateway leads to the ports that the proxy listens on', async () => {
  const manifests = await render('gateway');
  const proxy = proxyOf(only(manifests, 'Deployment').spec.template.spec);
  const options = optionsOf(proxy);
  assert.equal(options.address, '0.0.0.0');
  const listening = new Map([
    ['https', options.port],
    ['admin', options.adminPort],
  ]);
  assert.deepEqual(new Map(proxy.ports?.map(port => [port.name, port.containerPort])), listening);
  for (const { name, targetPort } of only(manifests, 'Service').spec.ports) {
    assert.equal(targetPort, name);
    assert.ok(listening.has(targetPort));
  }
});

kubectlTest('deploy/gateway admits no peer to a port without a rule about its origin', async () => {
  const { ingress } = only(await render('gateway'), 'NetworkPolicy').spec;
  assert.deepEqual(
    ingress.map(({ ports }) => ports),
    [[{ protocol: 'TCP', port: 'https' }], [{ protocol: 'TCP', port: 'admin' }]],
  );
  for (const { from } of ingress) {
    assert.equal(from.length, 1);
    for (const peer of from) assert.ok('namespaceSelector' in peer);
  }
  assert.ok(ingress[0]?.from.every(peer => 'podSelector' in peer));
});

kubectlTest(
  'deploy/gateway reaches its API server, an issuer and DNS, whatever their addresses and ports are',
  async () => {
    const { policyTypes, egress } = only(await render('gateway'), 'NetworkPolicy').spec;
    assert.deepEqual([policyTypes, egress], [['Ingress'], undefined]);
  },
);

kubectlTest("deploy/gateway accepts the Service's names as hosts", async () => {
  const options = optionsOf(proxyOf(only(await render('gateway'), 'Deployment').spec.template.spec));
  const hosts = options.acceptHosts;
  for (const suffix of ['', '.kube-api-proxy', '.kube-api-proxy.svc', '.kube-api-proxy.svc.cluster.local']) {
    assert.ok(hosts.matches(`kube-api-proxy${suffix}`), suffix);
  }
  for (const host of ['kube-api-proxy.example', 'x.kube-api-proxy', 'kube-api-proxyXsvc', 'example']) {
    assert.ok(!hosts.matches(host), host);
  }
});
