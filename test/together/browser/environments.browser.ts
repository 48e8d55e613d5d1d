import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { until } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
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
    const { server, port } = await startStack(t, {
      run: startProxyFor,
      tls: true,
      flags: ['--reject-paths='],
    });
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
});

it('the light and the dark colours follow the reader’s setting, and its changes', async t => {
  const { proxy } = await startStack(t, { run: startProxyFor });
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
