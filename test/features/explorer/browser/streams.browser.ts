import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { alertOf, openPage, startBrowser } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import type { FakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { startStack } from '../../../support/proxy/stack.js';
import { clickTime, staysWithin } from './measure.js';

const scope = { after };
const { server, proxy } = await startStack(scope, {
  server: { bookmarkInterval: 500 },
  flags: ['--reject-paths='],
});
const browser = await startBrowser(scope);
const configMaps = '/api/v1/namespaces/default/configmaps';

function writeConfigMap(name: string, data: Readonly<Record<string, string>> = {}): void {
  const metadata = { name, namespace: 'default', uid: name, creationTimestamp: new Date().toISOString() };
  server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
}

function link(page: Page, name: string) {
  return page.getByRole('link', { name, exact: true });
}

function listsOf(path: string, to: FakeApiServer = server): number {
  return to.requests.filter(({ rawUrl }) => rawUrl.startsWith(`${path}?limit=`)).length;
}

function openWatchesOf(path: string): number {
  return server.openWatches.filter(({ rawUrl }) => rawUrl.startsWith(`${path}?`)).length;
}

/** Tells a page that it is hidden or visible, because a browser without a screen shows all pages. */
async function hide(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'visibilityState',
    { configurable: true, get: () => '${isHidden ? 'hidden' : 'visible'}' });
    document.dispatchEvent(new Event('visibilitychange'))`);
}

describe('a live list', () => {
  it('continues from its version if the API server ends the watch, and is not read again', async t => {
    const { page } = await openPage(t, browser, proxy.url, configMaps);
    await page.getByText('live', { exact: true }).waitFor();
    await until(() => openWatchesOf(configMaps) === 1);
    // Only the end of a watch that has lived for some time counts as clean.
    const before = listsOf(configMaps);
    for (const name of ['after-one-end', 'after-another']) {
      server.endWatches();
      writeConfigMap(name);
      await link(page, name).waitFor();
    }
    assert.equal(listsOf(configMaps), before);
  });

  it('shows at once what has changed right before the API server ends the watch', async t => {
    // Without bookmarks, which would make the page read the rows later.
    const { server: quiet, proxy: own } = await startStack(t, { flags: ['--reject-paths='] });
    const { page } = await openPage(t, browser, own.url, configMaps);
    await page.getByText('live', { exact: true }).waitFor();
    await until(() => quiet.openWatches.some(({ rawUrl }) => rawUrl.startsWith(configMaps)));
    // After a watch that has lasted, the next one begins at once, and here before changed rows are read.
    await page.evaluate(`{
      const { now } = Date;
      Date.now = () => now() + 10_000;
      const { setTimeout: wait } = window;
      window.setTimeout = (run, time, ...rest) => wait(run, time === 100 ? 1_000 : time, ...rest);
    }`);
    const before = listsOf(configMaps, quiet);
    const metadata = { name: 'late', namespace: 'default', uid: 'late' };
    quiet.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} });
    quiet.endWatches();
    await link(page, 'late').waitFor();
    assert.equal(listsOf(configMaps, quiet), before);
  });

  it('shows that the API server is down, and recovers by itself', async t => {
    const { page } = await openPage(t, browser, proxy.url, configMaps);
    await page.getByText('live', { exact: true }).waitFor();
    await page.evaluate('isSameDocument = true');
    await server.kill();
    await page.getByText('not answering').waitFor();
    await link(page, 'settings').waitFor();
    writeConfigMap('written-while-away');
    await server.restart();
    await link(page, 'written-while-away').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal(await page.evaluate('isSameDocument'), true);
  });

  it('shows that the API server is down during the load, and everything once it is up', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await server.kill();
    try {
      await go(configMaps);
      await alertOf(page, 'The API server does not answer').waitFor();
    } finally {
      await server.restart();
    }
    await link(page, 'settings').waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });
});

it('a hidden window ends its watches, and continues them when it is visible again', async t => {
  const { page } = await openPage(t, browser, proxy.url, configMaps);
  await page.getByText('live', { exact: true }).waitFor();
  await until(() => openWatchesOf(configMaps) === 1);
  const before = listsOf(configMaps);
  await hide(page, true);
  await until(() => openWatchesOf(configMaps) === 0);
  writeConfigMap('written-while-hidden');
  await hide(page, false);
  await link(page, 'written-while-hidden').waitFor();
  assert.equal(listsOf(configMaps), before);
});

describe('eight windows with live lists', () => {
  async function openLists(context: BrowserContext): Promise<readonly Page[]> {
    const names = ['pods', 'services', 'configmaps', 'secrets', 'serviceaccounts', 'events', 'endpoints'];
    const paths = [...names.map(name => `/api/v1/${name}`), '/apis/apps/v1/deployments'];
    return Promise.all(
      paths.map(async path => {
        const page = await context.newPage();
        await page.goto(`${proxy.url}/-/ui/#${path}`);
        await page.getByText('live', { exact: true }).waitFor();
        return page;
      }),
    );
  }

  it('leave connections for a click, which is answered within 1 s', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const pages = await openLists(page.context());
    await until(() => server.openWatches.length >= pages.length);
    await staysWithin(1_000, async () => {
      await go('/api/v1/namespaces/default/pods');
      await link(page, 'web-0').waitFor();
      return clickTime(page, 'a', 'web-0', 'creationTimestamp');
    });
    const [pods] = pages as [Page];
    await staysWithin(1_000, async () => {
      await pods.bringToFront();
      const taken = await clickTime(pods, '[role=treeitem]', 'secrets', 'credentials');
      await pods.goBack();
      await pods.getByRole('link', { name: 'web-0' }).first().waitFor();
      return taken;
    });
  });
});

describe('the raw watch', () => {
  it('shows each event with its type and version, the newest first, and the whole object', async t => {
    const { page } = await openPage(t, browser, proxy.url, `${configMaps}?watch=true`);
    const events = page.locator('main').getByRole('listitem');
    await events.filter({ hasText: 'settings' }).first().waitFor();
    writeConfigMap('seen-raw', { color: 'green' });
    const { version } = server;
    writeConfigMap('seen-raw', { color: 'yellow' });
    server.remove({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'seen-raw' },
    });
    const own = events.filter({ hasText: 'seen-raw' });
    await own.filter({ hasText: 'DELETED' }).waitFor();
    const texts = await own.allTextContents();
    assert.deepEqual(
      texts.map(text => /(ADDED|MODIFIED|DELETED)/.exec(text)?.[1]),
      ['DELETED', 'MODIFIED', 'ADDED'],
    );
    assert.match(texts[2] ?? '', new RegExp(`version ${version}`));
    await own.filter({ hasText: 'MODIFIED' }).locator('summary').click();
    await own.filter({ hasText: 'MODIFIED' }).getByText('"color": "yellow"').waitFor();
    await events.filter({ hasText: 'BOOKMARK' }).first().waitFor();
  });

  it('hides the values of Secrets, and the annotation of kubectl apply', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const value = Buffer.from('hush-hush').toString('base64');
    const applied = JSON.stringify({ kind: 'Secret', data: { key: value } });
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': applied };
    const metadata = { name: 'hidden', namespace: 'default', uid: 'hidden', annotations };
    server.write({ apiVersion: 'v1', kind: 'Secret', metadata, data: { key: value }, type: 'Opaque' });
    await go('/api/v1/namespaces/default/secrets?watch=true');
    const own = page.locator('main').getByRole('listitem').filter({ hasText: 'hidden' });
    await own.locator('summary').first().click();
    await own.getByText('"key"').first().waitFor();
    assert.doesNotMatch(await page.content(), new RegExp(value));
  });
});
