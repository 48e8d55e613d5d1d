import assert from 'node:assert/strict';
import { hasKubectl, kubectl, kubectlTest } from '../support/clients/kubectl.js';
import { apiServerTest } from '../support/kube-apiserver/api-server-test.js';
import { startProxy } from '../support/proxy/proxy.js';

const name = 'kubectl apply --server-side writes, reports a conflict of field managers, and forces it';

if (!hasKubectl) kubectlTest(name, () => {});
else {
  apiServerTest(name, async (t, server) => {
    const [namespace, kubeconfig] = await Promise.all([server.createNamespace(), server.kubeconfig()]);
    const proxy = await startProxy([`--kubeconfig=${kubeconfig}`]);
    t.after(() => proxy.stop('SIGKILL'));
    const run = (args: readonly string[], input = '') =>
      kubectl(['-s', proxy.url, '-n', namespace, ...args], { env: { KUBECONFIG: '' }, input });
    const apply = (value: string, manager: string, ...more: string[]) => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { value } };
      const flags = ['--server-side', `--field-manager=${manager}`, ...more];
      return run(['apply', ...flags, '-f', '-'], JSON.stringify(object));
    };
    assert.equal((await apply('1', 'one')).stdout, 'configmap/applied serverside-applied\n');
    const conflict = await apply('2', 'other');
    assert.equal(conflict.code, 1);
    assert.match(conflict.stderr, /conflict with "one": \.data\.value/);
    assert.equal((await apply('2', 'other', '--force-conflicts')).code, 0);
    const { stdout } = await run(['get', 'cm/applied', '-o', 'jsonpath={.data.value}']);
    assert.equal(stdout, '2');
  });
}
