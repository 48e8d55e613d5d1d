import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertAccessible } from '../../../support/browser/axe.js';
import { alertOf, openPage, startBrowser, tabTo } from '../../../support/browser/page.js';
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
      // The list of the other cluster, not the object of that name.
      await page.getByRole('heading', { name: 'configmaps' }).waitFor();
      assert.match(page.url(), /#\/clusters\/[^/]+\/api\/v1\/namespaces\/default\/configmaps$/);
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

  it('keeps resource and namespace when another cluster is chosen, and says so if it has not got them', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const name = 'only-here';
    clusters[0]?.server.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: name } });
    await go(`/api/v1/namespaces/${name}/configmaps`);
    await page.getByText('0 objects').waitFor();
    assert.equal(await page.getByText(/lists no namespace/).count(), 0);
    const choice = page.getByLabel('Cluster');
    const second = (await choice.locator('option').nth(1).getAttribute('value')) ?? assert.fail();
    await choice.selectOption(second);
    await page.getByText(`${names[1]} lists no namespace ${name} for you.`).waitFor();
    await page.getByRole('link', { name: 'All namespaces' }).click();
    await page.getByRole('link', { name: 'which' }).waitFor();
    for (const [before, after] of [
      ['/apis/apps/v1/deployments?view=access', '/apis/apps/v1/deployments'],
      ['/apis/apps/v1', '/apis/apps/v1'],
      ['/readyz', '/readyz'],
      ['/', '/'],
    ] as const) {
      await go(before);
      await choice.selectOption(second);
      await page.waitForURL(url => url.hash === `#${second}${after}`);
    }
    await go(`${second}/apis/apps/v1beta9/namespaces/default/deployments`);
    await page.getByRole('heading', { name: `${names[1]} has no deployments` }).waitFor();
    await page.getByRole('link', { name: 'deployments in apps/v1' }).click();
    await page.waitForURL(/apis\/apps\/v1\/namespaces\/default\/deployments$/);
    await go(`${second}/apis/example.com/v1/namespaces/default/%3Cb%3Ewidgets`);
    await page.getByRole('heading', { name: `${names[1]} has no <b>widgets` }).waitFor();
    await assertAccessible(page);
  });

  for (const [name, options] of Object.entries(windows)) {
    it(`says in a window that is ${name} why a cluster cannot be read and since when, in the place of the content, and leads to the others`, async t => {
      const { page, problems } = await openPage(
        ...([t, browser, proxy.url, '/clusters/gone/api/v1/namespaces/default/configmaps', options] as const),
      );
      const main = page.locator('main');
      await main.getByRole('heading', { name: 'gone cannot be read' }).waitFor();
      await alertOf(page, /The API server does not answer: .*Trying again every 3 s\./).waitFor();
      await main.getByText(/^It has been failing since .*, for \d+m?\d*s?\.$/).waitFor();
      const box = (await main.boundingBox()) ?? assert.fail('the content is not drawn');
      assert.equal(box.width, options.viewport.width);
      await assertAccessible(page);
      assert.equal(await main.locator('b').count(), 0, 'no name is HTML');
      const links = main.getByRole('list').getByRole('link');
      assert.deepEqual(await links.allTextContents(), names.slice(0, 3));
      await tabTo(page, links.nth(1));
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'configmaps' }).waitFor();
      await page.getByRole('link', { name: 'which' }).waitFor();
      assert.match(page.url(), /#\/clusters\/[^/]+\/api\/v1\/namespaces\/default\/configmaps$/);
      assert.deepEqual(problems, []);
    });
  }
});
