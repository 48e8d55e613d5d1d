import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { open, send } from '../support/clients/http-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import type { ApiServer } from '../support/kube-apiserver/api-server.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { listenFor } from '../support/ports.js';
import { callersFlag } from '../support/proxy/callers.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** The program as an administrator, with these callers. */
async function startGateway(t: TestContext, server: ApiServer, tokens: string) {
  const tokenFile = join(temporaryFolder(), 'tokens.csv');
  await writeFile(tokenFile, tokens);
  const kubeconfig = await server.kubeconfig();
  const gateway = await startProxy([`--kubeconfig=${kubeconfig}`, '--reject-paths=', callersFlag(tokenFile)]);
  t.after(() => gateway.stop('SIGKILL'));
  return gateway;
}

test('a watch takes 250 KB of header fields to the API server', async (t, server) => {
  const groups = Array.from({ length: 250 }, (_, index) => `${index}-${'g'.repeat(950)}`);
  const user = `ann-${randomUUID()}`;
  await server.grant(user, [{ apiGroups: [''], resources: ['pods'], verbs: ['watch'] }]);
  const { port } = await startGateway(t, server, `large-token,${user},,"${groups.join()}"\n`);
  const path = '/api/v1/namespaces/default/pods?watch=true';
  const watch = await open(port, path, { headers: { authorization: 'Bearer large-token' } });
  assert.equal(watch.statusCode, 200);
  watch.destroy();
});

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
  const gateway = await startGateway(t, server, 'alice-token,alice,,dev\n');
  await eventuallyPasses(async () => {
    const { status, text } = await send(gateway.port, `/apis/${group}/v1/things`, {
      headers: { authorization: 'Bearer alice-token' },
    });
    assert.equal(status, 401, text);
    assert.match(text, /"Unauthorized"/);
  });
});
