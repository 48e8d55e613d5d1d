import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { javascriptClientTest, writeProgram } from '../../../support/clients/javascript-client.js';
import { python, whyNoPython } from '../../../support/clients/python-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { runToEnd } from '../../../support/proxy/guarded-run.js';
import { writeAdminKubeconfig } from '../../../support/proxy/proxy.js';

const server = await embeddedApiServer({ after });
const flags = [`--kubeconfig=${(await writeAdminKubeconfig(server)).path}`, '--quiet'];
/** A proxy server of the network, which does not exist: no request may go there. */
const env = { HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1', NO_PROXY: 'example.com' };

test('Python’s client lists and watches in a run', { skip: whyNoPython }, async t => {
  const code = [
    'from kubernetes import client, config, watch',
    'config.load_kube_config()',
    'core = client.CoreV1Api()',
    "for pod in core.list_namespaced_pod('default').items: print(pod.metadata.name)",
    'w = watch.Watch()',
    "for event in w.stream(core.list_namespaced_pod, 'default', resource_version='0'):",
    "    print(event['type'], event['object'].metadata.name)",
    '    w.stop()',
  ].join('\n');
  const end = await runToEnd(t, [...flags, '--', python, '-c', code], env);
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^web-0\n[\s\S]*ADDED web-0$/m);
});

javascriptClientTest('client-node lists, watches and is refused in a run', async t => {
  const code = `
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';
const config = new KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(CoreV1Api);
for (const pod of (await core.listNamespacedPod({ namespace: 'default' })).items) console.log(pod.metadata.name);
await core.deleteNamespacedPod({ namespace: 'default', name: 'web-0' }).catch(error => console.log('refused', error.code));
const abort = await new Watch(config).watch('/api/v1/namespaces/default/pods', { resourceVersion: '0' }, (type, pod) => {
  console.log(type, pod.metadata.name);
  abort.abort();
}, () => {});
`;
  const module = await writeProgram(code);
  const end = await runToEnd(t, [...flags, '--read-only', '--', process.execPath, module]);
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^web-0\n[\s\S]*^refused 403\n[\s\S]*^ADDED web-0$/m);
});
