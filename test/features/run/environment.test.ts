import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandEnvironment } from '../../../src/features/run/guarded.js';

const files = { kubeconfig: '/own/config', cache: '/own/cache' };

test('what leads clients past the kubeconfig, and what sets flags of this program, is not in the environment of the command', () => {
  const made = commandEnvironment(
    {
      ...{ PATH: '/bin', KUBECONFIG: '/mine', KUBECACHEDIR: '/mine', KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      ...{ KUBERNETES_SERVICE_PORT: '443', KUBE_API_PROXY_READ_ONLY: 'true', KUBE_API_PROXY_TOKEN: 'x' },
      ...{ HELM_KUBECONTEXT: 'a', HELM_KUBETOKEN: 'b', HELM_KUBEAPISERVER: 'c', HELM_NAMESPACE: 'shop' },
      ...{ KUBERNETES_SERVICE_HOSTNAME: 'mine', XKUBE_API_PROXY_A: 'mine' },
    },
    files,
  );
  assert.deepEqual(made, {
    ...{ PATH: '/bin', KUBECONFIG: '/own/config', KUBECACHEDIR: '/own/cache', HELM_NAMESPACE: 'shop' },
    ...{ KUBERNETES_SERVICE_HOSTNAME: 'mine', XKUBE_API_PROXY_A: 'mine' },
    ...{ NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' },
  });
});

test('requests to the proxy go through no proxy server, whichever variable a client reads', () => {
  for (const [given, upper, lower] of [
    [{ NO_PROXY: '' }, '127.0.0.1', '127.0.0.1'],
    [{ NO_PROXY: 'a,.b' }, 'a,.b,127.0.0.1', 'a,.b,127.0.0.1'],
    [{ no_proxy: 'a' }, 'a,127.0.0.1', 'a,127.0.0.1'],
    [{ NO_PROXY: 'a', no_proxy: 'b' }, 'a,127.0.0.1', 'b,127.0.0.1'],
    [{ NO_PROXY: '*', no_proxy: 'a, 127.0.0.1' }, '*', 'a, 127.0.0.1'],
    [{ NO_PROXY: '127.0.0.10' }, '127.0.0.10,127.0.0.1', '127.0.0.10,127.0.0.1'],
  ] as const) {
    const { NO_PROXY, no_proxy } = commandEnvironment(given, files);
    assert.deepEqual([NO_PROXY, no_proxy], [upper, lower]);
  }
});
