import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { javascriptClientTest, writeProgram } from '../../../support/clients/javascript-client.js';
import { kubectlTest } from '../../../support/clients/kubectl.js';
import { python, whyNoPython } from '../../../support/clients/python-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { runToEnd, startInside } from '../../../support/proxy/guarded-run.js';
import { writeAdminKubeconfig } from '../../../support/proxy/proxy.js';

const server = await embeddedApiServer({ after });
const flags = [`--kubeconfig=${(await writeAdminKubeconfig(server)).path}`, '--quiet'];
/** A proxy server of the network, which does not exist: no request may go there. */
const env = { HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1', NO_PROXY: 'example.com' };

kubectlTest('kubectl reads in a run with --read-only, and gets a sentence for a write', async t => {
  const kubectl = (...args: readonly string[]) =>
    runToEnd(t, [...flags, '--read-only', '--', 'kubectl', ...args], env);
  const pods = await kubectl('get', 'pods', '--output=name');
  assert.deepEqual([pods.code, pods.stdout.split('\n')[0]], [0, 'pod/web-0'], pods.stderr);
  const refused = await kubectl('delete', 'pod', 'web-0');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /refused by --read-only/);
});

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

test('the requests of k9s work in a run with --read-only: its questions, lists as tables, watches, logs', async t => {
  const { port, base } = await startInside(t, [...flags, '--read-only']);
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const review = (verb: string) =>
    JSON.stringify({
      ...{ kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1' },
      spec: { resourceAttributes: { namespace: 'default', verb, resource: 'pods' } },
    });
  const ask = (path: string, method = 'GET', body?: string) => {
    const headers = { Accept: table, ...(body !== undefined && { 'Content-Type': 'application/json' }) };
    return send(port, base + path, { method, headers, ...(body !== undefined && { body }) });
  };
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  for (const [status, path, method, body] of [
    ...([
      [200, '/version'],
      [200, '/api'],
      [200, '/apis'],
      [200, '/api/v1/namespaces'],
    ] as const),
    ...([
      [201, reviews, 'POST', review('list')],
      [201, reviews, 'POST', review('delete')],
    ] as const),
    [200, '/api/v1/namespaces/default/pods?includeObject=Object&limit=500'],
    [200, '/api/v1/namespaces/default/pods?watch=true&timeoutSeconds=1'],
    [200, '/api/v1/namespaces/default/pods/web-0/log?tailLines=100'],
    [403, '/api/v1/namespaces/default/pods/web-0', 'DELETE'],
    [403, '/api/v1/namespaces/default/pods/web-0/exec?command=sh', 'POST'],
  ] as const)
    assert.equal((await ask(path, method, body)).status, status, `${method ?? 'GET'} ${path}`);
});
