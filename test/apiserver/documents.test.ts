import assert from 'node:assert/strict';
import { send } from '../support/clients/http-client.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { startProxy } from '../support/proxy/proxy.js';

const openApi = 'application/com.github.proto-openapi.spec';

/** What an API server answers to programs: a path, and the type that a client asks for. */
const data: readonly (readonly [path: string, accept?: string])[] = [
  ['/version'],
  ['/api'],
  ['/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'],
  ['/apis', 'application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'],
  ['/api/v1/namespaces'],
  ['/api/v1/namespaces', 'application/yaml'],
  ['/api/v1/namespaces', 'application/vnd.kubernetes.protobuf'],
  ['/api/v1/namespaces', 'application/json;as=Table;v=v1;g=meta.k8s.io'],
  ['/api/v1/namespaces', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'],
  ['/api/v1/namespaces', 'text/html'],
  ['/api/v1/namespaces?watch=1&timeoutSeconds=1'],
  ['/api/v1/namespaces?watch=1&timeoutSeconds=1', 'application/yaml'],
  ['/api/v1/namespaces?watch=1&timeoutSeconds=1', 'application/vnd.kubernetes.protobuf;stream=watch'],
  ['/api/v1/namespaces/none'],
  ['/api/v1/namespaces/none/pods/none/log'],
  ['/api/v1/namespaces/default/pods/none/exec?command=id'],
  ['/apis/none.example/v1/nothing'],
  ['/nothing'],
  ['/metrics'],
  ['/metrics', 'application/openmetrics-text;version=1.0.0'],
  ['/metrics/slis'],
  ['/healthz'],
  ['/livez?verbose'],
  ['/readyz/etcd'],
  ['/openapi/v2'],
  ['/openapi/v2', `${openApi}.v2.v1.0+protobuf`],
  ['/openapi/v2', `${openApi}.v2@v1.0+protobuf`],
  ['/openapi/v3'],
  ['/openapi/v3/apis/apps/v1'],
  ['/openapi/v3/apis/apps/v1', `${openApi}.v3.v1.0+protobuf`],
  ['/openapi/v3/apis/apps/v1', `${openApi}.v3@v1.0+protobuf`],
  ['/openid/v1/jwks'],
  ['/.well-known/openid-configuration'],
];

test('what an API server answers to programs is not sandboxed, and its pages are', async (t, server) => {
  const proxy = await startProxy([`--kubeconfig=${await server.kubeconfig()}`, '--reject-paths=']);
  t.after(() => proxy.stop('SIGKILL'));
  for (const [path, accept = '*/*'] of data) {
    const { status, headers } = await send(proxy.port, path, { headers: { accept } });
    const what = `${path} ${accept}: ${status} ${headers['content-type']}`;
    assert.equal(headers['content-security-policy'], undefined, what);
    assert.equal(headers['x-content-type-options'], 'nosniff', what);
  }
  const page = await send(proxy.port, '/debug/pprof/');
  assert.match(page.headers['content-type'] ?? '', /^text\/html/);
  assert.equal(page.headers['content-security-policy'], "sandbox allow-downloads; frame-ancestors 'self'");
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
});
