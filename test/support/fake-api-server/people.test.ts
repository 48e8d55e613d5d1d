import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { requestApi } from '../clients/http-client.js';
import { kubectl, kubectlTest } from '../clients/kubectl.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { startFakeApiServer } from './fake-api-server.js';

const server = await startFakeApiServer();
const kubeconfig = await writeKubeconfig({
  server: server.url,
  ca: server.authority.certificate,
  ...server.clientCertificate,
});
after(() => server.kill());

async function textFor(path: string, agent: string): Promise<string> {
  return (await requestApi(server, { path, headers: { 'User-Agent': agent } })).text;
}

test('curl, Wget and browsers get indented JSON and other programs one line, unless they ask for another form', async () => {
  for (const path of ['/api', '/api/v1/namespaces/default/configmaps/settings', '/api/v1/namespaces/no']) {
    const line = await textFor(path, 'kubectl/v1.32.3');
    assert.match(line, /^\{.*\}\n$/);
    const indented = JSON.stringify(JSON.parse(line), null, 2);
    for (const agent of ['curl/8.14.1', 'Wget/1.25', 'Mozilla/5.0 (X11; Linux x86_64)']) {
      assert.equal(await textFor(path, agent), indented, agent);
      assert.equal(await textFor(`${path}?pretty=false`, agent), line, agent);
    }
    assert.equal(await textFor(`${path}?pretty=true`, 'kubectl/v1.32.3'), indented);
    assert.equal(await textFor(path, 'Go-http-client/2.0 curl'), line);
  }
});

kubectlTest('kubectl apply --server-side says that this server does not have it', async () => {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' } });
  const env = { KUBECONFIG: kubeconfig.path };
  const { code, stderr } = await kubectl(['apply', '--server-side', '-f', '-'], { env, input });
  assert.equal(code, 1);
  assert.match(stderr, /Server-side apply not available on the server/i);
});
