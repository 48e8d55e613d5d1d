import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { send } from '../support/clients/http-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { listenFor } from '../support/ports.js';
import { callersFlag } from '../support/proxy/callers.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a 401 of an aggregated API reaches an authenticated caller unchanged, because the API server accepts the proxy', async (t, server) => {
  const { certificate: cert, key } = await server.authority.server({ dns: ['localhost'] });
  const group = 'refusing.example.com';
  const behind = https.createServer({ cert, key }, ({ url = '' }, response) => {
    const isDiscovery = url === `/apis/${group}/v1`;
    const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/v1`, resources: [] };
    response.writeHead(isDiscovery ? 200 : 401, { 'Content-Type': 'application/json' });
    response.end(isDiscovery ? JSON.stringify(list) : '{"kind":"Status","message":"Unauthorized"}');
  });
  const port = await listenFor(t, behind);
  const namespace = await server.createNamespace();
  await server.admin.do('POST', `/api/v1/namespaces/${namespace}/services`, {
    metadata: { name: 'behind' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
  await server.admin.do('POST', apiServices, {
    metadata: { name: `v1.${group}` },
    spec: {
      ...{ group, version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 },
      service: { namespace, name: 'behind', port },
      insecureSkipTLSVerify: true,
    },
  });
  t.after(() => server.admin.do('DELETE', `${apiServices}/v1.${group}`));
  await server.grant('alice', [{ apiGroups: [group], resources: ['things'], verbs: ['list'] }]);
  const tokenFile = join(temporaryFolder(), 'tokens.csv');
  await writeFile(tokenFile, 'alice-token,alice,,dev\n');
  const kubeconfig = await server.kubeconfig();
  const gateway = await startProxy([`--kubeconfig=${kubeconfig}`, '--reject-paths=', callersFlag(tokenFile)]);
  t.after(() => gateway.stop('SIGKILL'));
  await eventuallyPasses(async () => {
    const { status, text } = await send(gateway.port, `/apis/${group}/v1/things`, {
      headers: { authorization: 'Bearer alice-token' },
    });
    assert.equal(status, 401, text);
    assert.match(text, /"Unauthorized"/);
  });
});
