import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertAccessible } from '../../../support/browser/axe.js';
import { alertOf, openPage, startBrowser } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../../support/proxy/proxy.js';

const scope = { after };
const which = '/api/v1/namespaces/default/configmaps/which';
/** Names of contexts are free text. */
const names = ['one', 'arn:aws:eks:eu-west-1:123:cluster/x@y', 'a <b>context</b> & more', 'gone'] as const;
const clusters = await Promise.all(
  names.map(async name => {
    const server = await startFakeApiServer();
    const { certificate, key } = server.clientCertificate;
    const ca = server.authority.certificate;
    const kubeconfig = await writeKubeconfig({ name, server: server.url, ca, certificate, key });
    const metadata = { namespace: 'default', name: 'which', uid: 'which' };
    server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { cluster: name } });
    return { server, kubeconfig };
  }),
);
await clusters.at(-1)?.server.kill();
const proxy = await startProxy(['--all-contexts', '--reject-paths='], {
  KUBECONFIG: clusters.map(({ kubeconfig }) => kubeconfig.path).join(delimiter),
});
after(async () => {
  await proxy.stop('SIGKILL');
  for (const { server } of clusters) await server.kill();
});
const browser = await startBrowser(scope);
const windows = {
  'wide and light': { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  'narrow and dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
} as const;

describe('the page with several clusters', () => {
  it('offers a choice of clusters, the address names the chosen one, and only its changes are shown', async t => {
    const { page, problems } = await openPage(t, browser, proxy.url, which);
    await page.getByText('cluster: one').waitFor();
    const choice = page.getByLabel('Cluster');
    await until(async () => (await choice.locator('option').count()) === names.length);
    const shown = await choice.locator('option').allTextContents();
    for (const name of names)
      assert.ok(
        shown.some(text => text.includes(name)),
        `${name}: ${shown}`,
      );
    assert.match(shown[0] ?? '', /^one \(current\)/);
    for (const name of names.slice(1, 3)) {
      await choice.selectOption({ label: shown.find(text => text.includes(name)) as string });
      await page.getByRole('heading', { name: /The Kubernetes API/ }).waitFor();
      await page.getByRole('heading', { name }).waitFor();
      await page.getByRole('treeitem', { name: 'configmaps cm' }).click();
      await page.getByRole('link', { name: 'which' }).click();
      await page
        .getByText(`cluster: ${name}`)
        .or(page.getByText(`cluster: "${name}"`))
        .waitFor();
      assert.match(page.url(), /#\/clusters\/[^/]+\/api\/v1\/namespaces\/default\/configmaps\/which$/);
      await page.getByText('live', { exact: true }).first().waitFor();
    }
    await page.reload();
    await page.getByText('cluster: a <b>context</b> & more').waitFor();
    assert.equal(await page.locator('b', { hasText: 'context' }).count(), 0);
    // A change is shown in its own cluster alone.
    await page.getByRole('treeitem', { name: 'configmaps cm' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    for (const [at, name] of ['in-one', 'in-arn', 'in-this'].entries()) {
      const metadata = { namespace: 'default', name, uid: name };
      clusters[at]?.server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} });
    }
    await page.getByRole('link', { name: 'in-this' }).waitFor();
    assert.equal(await page.getByRole('link', { name: /^in-(?:one|arn)$/ }).count(), 0);
    assert.deepEqual(problems, []);
  });

  it('shows that a cluster cannot be reached, and the others continue', async t => {
    const { page, go } = await openPage(t, browser, proxy.url, '/clusters/gone/');
    await alertOf(page, 'The API server does not answer').waitFor();
    // It was unused until the page asked for it.
    await page.getByRole('option', { name: /gone · failing/ }).waitFor({ state: 'attached' });
    await page.reload();
    await page.getByRole('option', { name: /gone · failing/ }).waitFor({ state: 'attached' });
    await go(which);
    await page.getByText('cluster: one').waitFor();
  });

  for (const [name, options] of Object.entries(windows)) {
    it(`says in a window that is ${name} why a cluster cannot be read and since when, in the place of the content, and leads to the others`, async t => {
      const { page, problems } = await openPage(
        ...([t, browser, proxy.url, '/clusters/gone/api/v1/namespaces/default/configmaps', options] as const),
      );
      const main = page.locator('main');
      await main.getByRole('heading', { name: 'gone cannot be read' }).waitFor();
      await alertOf(page, /The API server does not answer: .*Trying again every 3 s\./).waitFor();
      await main.getByText(/^It fails since .*, for \d+m?\d*s?\.$/).waitFor();
      const box = (await main.boundingBox()) ?? assert.fail('the content is not drawn');
      assert.equal(box.width, options.viewport.width);
      await assertAccessible(page);
      assert.equal(await main.locator('b').count(), 0, 'no name is HTML');
      const links = main.getByRole('list').getByRole('link');
      assert.deepEqual(await links.allTextContents(), names.slice(0, 3));
      await links.nth(1).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'configmaps' }).waitFor();
      await page.getByRole('link', { name: 'which' }).waitFor();
      assert.match(page.url(), /#\/clusters\/[^/]+\/api\/v1\/namespaces\/default\/configmaps$/);
      assert.deepEqual(problems, []);
    });
  }
});
