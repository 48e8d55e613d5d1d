import { openPage, rowOf, startBrowser } from '../browser/page.js';
import { definitions } from '../demo/definitions.js';
import { clusterObjects } from '../demo/objects.js';
import { startFakeApiServer } from '../fake-api-server/fake-api-server.js';
import { projectFile } from '../project.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { startProxy } from '../proxy/proxy.js';
import { createRandom } from '../random.js';

// Makes README's picture of the page: the Pods of a namespace of the demo, of which one is new, and the request for them.
const endings: (() => unknown)[] = [];
const scope = { after: (ending: () => unknown) => void endings.push(ending) };
try {
  const server = await startFakeApiServer({ seed: false, firstLogLines: 0, customResources: definitions });
  scope.after(() => server.kill());
  for (const object of clusterObjects(createRandom(1))) server.write(object);
  const { certificate, key } = server.clientCertificate;
  const ca = server.authority.certificate;
  const { path } = await writeKubeconfig({ name: 'demo', server: server.url, ca, certificate, key });
  // The commands of the picture have the default port.
  const proxy = await startProxy(['--port=8001'], { KUBECONFIG: path });
  scope.after(() => proxy.stop());
  const browser = await startBrowser(scope);
  const viewport = { width: 1180, height: 720 };
  const fragment = '/api/v1/namespaces/shop/pods';
  const { page } = await openPage(scope, browser, proxy.url, fragment, { viewport });
  await page.getByText('live', { exact: true }).waitFor();
  await page.locator('main').getByText('copy as').click();
  const name = 'cart-v6j9znlx8-c9x2q';
  const metadata = { namespace: 'shop', name, uid: name, creationTimestamp: new Date().toISOString() };
  server.write({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata },
    ...{ spec: { containers: [{ name: 'cart', image: 'cart' }] }, status: { phase: 'Pending' } },
  });
  await rowOf(page, name).waitFor();
  await page.screenshot({ path: projectFile('src/features/explorer/page/picture.png') });
} finally {
  for (const ending of endings.reverse()) await ending();
}
