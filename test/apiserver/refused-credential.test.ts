import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { assertStatus, send } from '../e2e/leg.js';
import { send as sendPlain } from '../support/clients/http-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import type { ApiServer, Credential } from '../support/kube-apiserver/api-server.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { callersFlag } from '../support/proxy/callers.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const pods = '/api/v1/namespaces/default/pods';
const refusal = /^the API server refuses the proxy's own credential/;
const caller = ['Authorization: Bearer alice-token'];
const legs = [
  ['plain', pods],
  ['websocket', `${pods}/web-0/exec?command=id&stdout=true`],
  ['spdy', `${pods}/web-0/portforward`],
] as const;

/** The program with this credential, once with callers and once without. */
async function startBoth(t: TestContext, server: ApiServer, credential: Credential) {
  const kubeconfig = await server.kubeconfig(credential);
  const folder = temporaryFolder();
  const tokenFile = join(folder, 'tokens.csv');
  await writeFile(tokenFile, 'alice-token,alice,,dev\n');
  const flags = [`--kubeconfig=${kubeconfig}`, '--reject-paths='];
  const [gateway, open] = await Promise.all([
    startProxy([...flags, callersFlag(tokenFile)]),
    startProxy(flags),
  ]);
  t.after(async () => {
    await Promise.all([gateway.stop('SIGKILL'), open.stop('SIGKILL')]);
  });
  return { gateway, open };
}

const yesterday = new Date(Date.now() - 86_400_000);

/** What readyz says, and the answer to somebody who need not authenticate. */
for (const [what, credential, check, others] of [
  [
    "the proxy's client certificate that has expired",
    { notBefore: new Date(0), notAfter: yesterday },
    /^\[-\]credentials failed: .* its client certificate has expired/m,
    { code: 502, message: /its client certificate has expired/ },
  ],
  [
    "the proxy's token that the API server does not know",
    { token: 'nobody' },
    /^\[-\]credentials failed: .* refuses the proxy's own credential \(401\)$/m,
    { code: 401, message: /^Unauthorized$/ },
  ],
] as const) {
  test(`${what} fails readyz; authenticated callers get 502, and others ${others.code}`, async (t, server) => {
    const { gateway, open } = await startBoth(t, server, credential);
    for (const { port } of [gateway, open]) {
      // An API server may need longer for an answer than the check waits.
      await eventuallyPasses(async () => {
        const { status, text } = await sendPlain(port, '/-/readyz?verbose');
        assert.equal(status, 500);
        assert.match(text, check);
        assert.match(text, /^\[\+\]upstream ok$/m);
      });
    }
    for (const [leg, target] of legs) {
      const answer = await send(gateway.port, { leg, target, headers: caller });
      assert.match(assertStatus(answer, 502, leg), refusal);
      const other = assertStatus(await send(open.port, { leg, target }), others.code, leg);
      assert.match(other, others.message);
    }
  });
}

test('a 401 of an aggregated API reaches an authenticated caller unchanged, because the API server accepts the proxy', async (t, server) => {
  const { certificate: cert, key } = await server.authority.server({ dns: ['localhost'] });
  const group = 'refusing.example.com';
  const behind = https.createServer({ cert, key }, ({ url = '' }, response) => {
    const isDiscovery = url === `/apis/${group}/v1`;
    const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/v1`, resources: [] };
    response.writeHead(isDiscovery ? 200 : 401, { 'Content-Type': 'application/json' });
    response.end(isDiscovery ? JSON.stringify(list) : '{"kind":"Status","message":"Unauthorized"}');
  });
  behind.listen(0, '127.0.0.1');
  await once(behind, 'listening');
  t.after(() => behind.close().closeAllConnections());
  const { port } = behind.address() as AddressInfo;
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
  const { gateway } = await startBoth(t, server, {});
  await eventuallyPasses(async () => {
    const answer = await send(gateway.port, { target: `/apis/${group}/v1/things`, headers: caller });
    assert.equal(answer.code, 401, answer.raw);
    assert.match(answer.body, /"Unauthorized"/);
  });
});
