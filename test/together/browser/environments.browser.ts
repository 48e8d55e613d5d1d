import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { alertOf, openPage, startBrowser } from '../../support/browser/page.js';
import { until } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { startStack } from '../../support/proxy/stack.js';

const scope = { after };
const browser = await startBrowser(scope);
const configMaps = '/api/v1/namespaces/default/configmaps';

/** Waits until a list is live, and checks that it follows a write. */
async function assertLive(page: Page, server: FakeApiServer): Promise<void> {
  await page.getByRole('link', { name: 'settings' }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await until(() => server.openWatches.some(({ rawUrl }) => rawUrl.startsWith(configMaps)));
  const metadata = { namespace: 'default', name: 'born', uid: 'born' };
  server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { one: '1' } });
  await page.getByRole('row', { name: /^born 1/ }).waitFor();
  server.remove({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  await page.getByRole('row', { name: /^born/ }).waitFor({ state: 'detached' });
}

describe('a live list', () => {
  it('over HTTP/2 uses one more stream of the one connection, and has the rows of the table', async t => {
    const { server, port } = await startStack(t, { tls: true, flags: ['--reject-paths='] });
    const opened = await openPage(t, browser, `https://localhost:${port}`, configMaps);
    const { page, requested, problems } = opened;
    await assertLive(page, server);
    assert.equal(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), 'h2');
    assert.deepEqual(
      requested.filter(url => url.startsWith('ws')),
      [],
    );
    const [watch] = server.openWatches;
    assert.match(String(watch?.headers['accept']), /as=Table/);
    assert.deepEqual(problems, []);
  });

  it('works with shared watches', async t => {
    const { server, proxy } = await startStack(t, { flags: ['--share-watches', '--reject-paths='] });
    const { page } = await openPage(t, browser, proxy.url, configMaps);
    await assertLive(page, server);
  });
});

describe("the page under the proxy's rules", () => {
  it('shows everything through a read-only proxy', async t => {
    const { server, proxy } = await startStack(t, { flags: ['--read-only'] });
    const { page, go, problems } = await openPage(t, browser, proxy.url, configMaps);
    await assertLive(page, server);
    await page.locator('summary', { hasText: 'admin' }).waitFor();
    await go('/api/v1/namespaces/default/pods?view=access');
    for (const row of [/^get yes/, /^watch yes/, /^pods\/log get yes/]) {
      await page.getByRole('row', { name: row }).waitFor();
    }
    for (const row of [
      ...[/^create no --read-only/, /^delete no --read-only/, /^deletecollection no --read-only/],
      ...[/^pods\/exec get no --re[a-z-]+ create no --re/, /^pods\/status get yes.* patch no --read-only/],
    ]) {
      await page.getByRole('row', { name: row }).waitFor();
    }
    await page.getByRole('listitem').filter({ hasText: 'refused by --read-only, which lets get' }).waitFor();
    // The default of another rule comes first.
    await page.getByRole('listitem').filter({ hasText: 'refused by --reject-paths' }).waitFor();
    assert.deepEqual(problems, []);
  });

  it('shows the proxy’s message for a namespace that is not accepted, and shows the others', async t => {
    const { server, proxy } = await startStack(t, {
      flags: ['--accept-namespaces=default', '--reject-paths='],
    });
    const { page } = await openPage(t, browser, proxy.url, configMaps);
    await assertLive(page, server);
    // Namespaces cannot be listed here, so the test types one.
    await page.getByLabel('Namespace').fill('team-0');
    await page.getByLabel('Namespace').press('Enter');
    await alertOf(page, '--accept-namespaces').waitFor();
  });
});

it('the light and the dark colours follow the reader’s setting, and its changes', async t => {
  const { proxy } = await startStack(t);
  const { page } = await openPage(t, browser, proxy.url, configMaps, { colorScheme: 'dark' });
  await page.getByRole('link', { name: 'settings' }).waitFor();
  const lightness = async () => {
    const color = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    return Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number));
  };
  assert.ok((await lightness()) < 80);
  await page.emulateMedia({ colorScheme: 'light' });
  await until(async () => (await lightness()) > 200);
});
