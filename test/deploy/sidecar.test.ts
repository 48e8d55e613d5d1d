import assert from 'node:assert/strict';
import { kubectlTest } from '../support/clients/kubectl.js';
import { containersOf, only, optionsOf, proxyOf, render } from './manifests.js';

kubectlTest(
  'the proxy of deploy/sidecar is a native sidecar that serves the API on loopback only',
  async () => {
    const pod = only(await render('sidecar'), 'Deployment').spec.template.spec;
    const [proxy] = pod.initContainers ?? [];
    assert.ok(proxy);
    assert.equal(proxy.restartPolicy, 'Always');
    const options = optionsOf(proxy);
    assert.equal(options.address, '127.0.0.1');
    assert.equal(options.port, 8001);
    assert.deepEqual(
      proxy.ports?.map(({ name }) => name),
      ['admin'],
    );
    assert.ok(options.shutdownGrace / 1000 + 5 < pod.terminationGracePeriodSeconds);
  },
);

kubectlTest("the application of deploy/sidecar has no access to the service account's token", async () => {
  const pod = only(await render('sidecar'), 'Deployment').spec.template.spec;
  assert.equal(pod.automountServiceAccountToken, false);
  assert.deepEqual(
    containersOf(pod)
      .filter(({ volumeMounts = [] }) => volumeMounts.length > 0)
      .map(({ name }) => name),
    ['kube-api-proxy'],
  );
  assert.equal(proxyOf(pod).volumeMounts?.[0]?.mountPath, '/var/run/secrets/kubernetes.io/serviceaccount');
});

kubectlTest(
  'the service account of deploy/sidecar can read the listed resources, and nothing else',
  async () => {
    const { rules } = only(await render('sidecar'), 'Role');
    for (const { verbs, resources = [] } of rules) {
      for (const verb of verbs) assert.match(verb, /^(get|list|watch)$/);
      for (const resource of resources) {
        assert.doesNotMatch(resource, /\*|^secrets$|^configmaps$|exec|attach|portforward|proxy/);
      }
    }
  },
);
