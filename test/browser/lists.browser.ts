import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { eventuallyPasses, until } from '../support/eventually.js';
import type { FakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { startStack } from '../support/proxy/stack.js';
import { longestBlock, staysWithin, watchMainThread } from './measure.js';
import { openPage, startBrowser } from './page.js';

const scope = { after };
const { server, proxy } = await startStack(scope, { flags: ['--reject-paths='] });
const browser = await startBrowser(scope);
const configMaps = '/api/v1/namespaces/default/configmaps';

function writeConfigMap(
  to: FakeApiServer,
  name: string,
  { labels = {}, data = {}, namespace = 'default', created = new Date() } = {},
): void {
  const metadata = { name, namespace, labels, uid: name, creationTimestamp: created.toISOString() };
  to.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
}

function row(page: Page, name: string) {
  return page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
}

function firstCells(page: Page): Promise<string[]> {
  return page.locator('table.objects tbody tr[aria-rowindex] td:first-child').allTextContents();
}

describe('the headings of a list', () => {
  it('show that they sort, and how the list is sorted', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await go('/api/v1/namespaces/default/pods');
    await page.getByRole('link', { name: 'web-0' }).waitFor();
    const heading = page.getByRole('columnheader', { name: 'Name' });
    const state = async () => [
      await heading.getAttribute('aria-sort'),
      await heading
        .getByRole('button')
        .evaluate(button => button.ownerDocument.defaultView?.getComputedStyle(button, '::after').content),
    ];
    assert.deepEqual(await state(), ['none', '" ↕"']);
    await heading.getByRole('button').click();
    await eventuallyPasses(async () => assert.deepEqual(await state(), ['ascending', '" ↑"']));
    await heading.getByRole('button').click();
    await eventuallyPasses(async () => assert.deepEqual(await state(), ['descending', '" ↓"']));
    await eventuallyPasses(async () => assert.deepEqual(await firstCells(page), ['web-1', 'web-0']));
  });
});

describe('a list on a phone', () => {
  it('has name and status on the screen, in one namespace or in all', async t => {
    const { page, go } = await openPage(t, browser, proxy.url, { viewport: { width: 390, height: 844 } });
    for (const path of ['/api/v1/namespaces/default/pods', '/api/v1/pods', '/api/v1/nodes']) {
      await go(path);
      await page.getByRole('columnheader', { name: 'Status' }).waitFor();
      await page.locator('tr[aria-rowindex="2"] .status').waitFor();
      const cell = page.locator('tr[aria-rowindex="2"]').locator('td', { has: page.locator('.status') });
      const box = (await cell.boundingBox()) ?? assert.fail('the cell is not drawn');
      assert.ok(box.x > 0 && box.x + box.width <= 390, `${path}: ${JSON.stringify(box)}`);
    }
    // A wider screen has the order of the API server.
    await page.setViewportSize({ width: 1280, height: 800 });
    await go('/api/v1/namespaces/default/pods');
    const headings = page.getByRole('columnheader');
    await headings.filter({ hasText: 'Restarts' }).waitFor();
    assert.deepEqual((await headings.allTextContents()).slice(0, 3), ['Name', 'Ready', 'Status']);
  });
});

describe('a live list', () => {
  it('highlights only the row that has changed', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    writeConfigMap(server, 'flashes');
    writeConfigMap(server, 'rests');
    await go(configMaps);
    await row(page, 'flashes').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    // The page itself records what is highlighted, because that lasts shorter than a busy machine may need for a question.
    await page.evaluate(`flashed = [];
      document.addEventListener('animationstart', ({ target }) => flashed.push(target.closest('tr')?.textContent))`);
    const flashed = () => page.evaluate<string[]>('flashed');
    assert.deepEqual(await flashed(), []);
    writeConfigMap(server, 'flashes', { data: { one: '1' } });
    await until(async () => (await flashed()).length > 0);
    for (const text of await flashed()) assert.match(text, /^flashes1/);
  });

  it('removes the row of an object that is deleted or no longer matches', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const tier = (value: string) => ({ labels: { tier: value } });
    for (const name of ['leaves', 'is-deleted', 'stays']) writeConfigMap(server, name, tier('front'));
    await go(`${configMaps}?labelSelector=tier%3Dfront`);
    await row(page, 'stays').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    assert.deepEqual(await firstCells(page), ['is-deleted', 'leaves', 'stays']);
    writeConfigMap(server, 'leaves', tier('back'));
    server.remove({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'is-deleted' },
    });
    writeConfigMap(server, 'comes', tier('front'));
    await row(page, 'comes').waitFor();
    await row(page, 'leaves').waitFor({ state: 'detached' });
    await row(page, 'is-deleted').waitFor({ state: 'detached' });
  });

  it('updates ages', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    writeConfigMap(server, 'ages', { created: new Date(Date.now() - 60_000) });
    await go(`${configMaps}?fieldSelector=metadata.name%3Dages`);
    await row(page, 'ages').waitFor();
    const age = () => row(page, 'ages').locator('time').textContent();
    const before = await age();
    assert.match(before ?? '', /^\d+s$/);
    await until(async () => (await age()) !== before);
  });
});

describe('a list with a filter or an order', () => {
  it('has the namespace, the label selector and the field selector in its address', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await go('/api/v1/pods');
    await page.getByText('4 objects').waitFor();
    await page.getByLabel('Namespace').selectOption('team-0');
    await page.getByText('2 objects').waitFor();
    assert.match(page.url(), /#\/api\/v1\/namespaces\/team-0\/pods$/);
    await page.getByLabel('Label selector').fill('app in (web)');
    await page.getByLabel('Field selector').fill('metadata.name=web-1');
    await page.getByLabel('Field selector').press('Enter');
    await page.getByText('1 object', { exact: true }).waitFor();
    await eventuallyPasses(async () => assert.deepEqual(await firstCells(page), ['web-1']));
    const { hash } = new URL(page.url());
    assert.equal(new URLSearchParams(hash.split('?')[1]).get('labelSelector'), 'app in (web)');
    await page.reload();
    await row(page, 'web-1').waitFor();
    assert.equal(await page.getByLabel('Label selector').inputValue(), 'app in (web)');
    await page.goBack();
    await page.getByText('2 objects').waitFor();
    await page.goBack();
    await page.getByText('4 objects').waitFor();
  });

  it('shows an error in a selector in the API server’s words', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await go(`${configMaps}?labelSelector=a%20b%20c`);
    await page.getByRole('alert').getByText('unable to parse requirement').waitFor();
  });

  it('sorts by each column in both directions, with numbers and times by their value', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const order = { labels: { sorted: 'yes' } };
    const before = (seconds: number) => new Date(Date.now() - 1_000 * seconds);
    writeConfigMap(server, 'a-few', {
      ...order,
      data: Object.fromEntries([...'abcdefghi'].entries()),
      created: before(7_200),
    });
    writeConfigMap(server, 'b-many', {
      ...order,
      data: Object.fromEntries([...'abcdefghijk'].entries()),
      created: before(90),
    });
    writeConfigMap(server, 'c-one', { ...order, data: { one: '1' }, created: before(1_000_000) });
    await go(`${configMaps}?labelSelector=sorted`);
    await row(page, 'c-one').waitFor();
    const sort = async (name: string, expected: string, direction: string) => {
      await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
      await until(async () => (await firstCells(page)).map(text => text[0]).join('') === expected);
      const heading = page.getByRole('columnheader', { name: new RegExp(`^${name}`) });
      await until(async () => (await heading.getAttribute('aria-sort')) === direction);
    };
    await sort('Data', 'cab', 'ascending');
    await sort('Data', 'bac', 'descending');
    await sort('Age', 'bac', 'ascending');
    await sort('Name', 'abc', 'ascending');
    await sort('Name', 'cba', 'descending');
  });

  it('says that it is empty', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await go(`${configMaps}?labelSelector=nobody%3Dhas-this`);
    await page.getByText('No objects in default.').waitFor();
  });
});

describe('a list of ten thousand objects', async () => {
  const many = await startStack(scope, { server: { requestLogLimit: 1_000 } });
  for (let index = 0; index < 10_000; index++) {
    writeConfigMap(many.server, `object-${String(index).padStart(5, '0')}`, { namespace: 'team-0' });
  }
  const path = '/api/v1/namespaces/team-0/configmaps';

  it('loads page by page with a progress line, and blocks the main thread for at most 200 ms', async t => {
    const { page, go } = await openPage(t, browser, many.proxy.url);
    await watchMainThread(page);
    await staysWithin(200, async () => {
      await page.goto('about:blank');
      await go(path);
      const progress = page.getByRole('progressbar', { name: 'Loading the list' });
      await progress.waitFor();
      assert.ok(Number(await progress.getAttribute('max')) >= 10_000);
      await page.getByText('10,001 objects').waitFor();
      await progress.waitFor({ state: 'detached' });
      return longestBlock(page);
    });
    const lists = many.server.requests.filter(({ rawUrl }) => rawUrl.startsWith(`${path}?limit=`));
    assert.ok(lists.length >= 20 && lists.every(({ rawUrl }) => rawUrl.includes('limit=500')));
  });

  it('scrolls from the first to the last object with few rows in the document, and blocks for at most 200 ms', async t => {
    const { page, go } = await openPage(t, browser, many.proxy.url);
    await watchMainThread(page);
    await go(path);
    await page.getByText('10,001 objects').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await row(page, 'object-00000').hover();
    const box = page.getByRole('region', { name: 'Table of configmaps' });
    await staysWithin(200, async () => {
      await box.evaluate(element => element.scrollTo(0, 0));
      await longestBlock(page);
      for (let step = 0; step < 40; step++) await page.mouse.wheel(0, 4_000);
      await box.evaluate(element => element.scrollTo(0, element.scrollHeight));
      await row(page, 'settings').waitFor();
      return longestBlock(page);
    });
    assert.ok((await page.getByRole('row').count()) < 120);
  });

  it('sorts, and changes while it is shown, and blocks for at most 200 ms', async t => {
    const { page, go } = await openPage(t, browser, many.proxy.url);
    await watchMainThread(page);
    await go(path);
    await page.getByText('10,001 objects').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    let round = 0;
    await staysWithin(200, async () => {
      await longestBlock(page);
      const [first, last] = round++ % 2 === 0 ? ['settings', 'object-00000'] : ['object-00000', 'settings'];
      await page.getByRole('button', { name: /^Name/ }).click();
      if (round === 1) await page.getByRole('button', { name: /^Name/ }).click();
      await row(page, first as string).waitFor();
      await row(page, last as string).waitFor({ state: 'detached' });
      writeConfigMap(many.server, first as string, { namespace: 'team-0', data: { round: String(round) } });
      await row(page, first as string)
        .filter({ hasText: /1/ })
        .waitFor();
      return longestBlock(page);
    });
  });
});

describe('a list of a thousand objects', async () => {
  const some = await startStack(scope);
  for (let index = 0; index < 1_000; index++) {
    writeConfigMap(some.server, `object-${index}`, { namespace: 'team-0' });
  }

  it('is complete within 1 s of a click, and shows skeletons at once', async t => {
    const { page, go } = await openPage(t, browser, some.proxy.url);
    await staysWithin(1_000, async () => {
      await go('/api/v1/configmaps');
      await page.getByText('1,002 objects').waitFor();
      await page.goto('about:blank');
      await go('/');
      await page.getByRole('treeitem', { name: 'configmaps cm' }).waitFor();
      const begun = await page.evaluate<number>('performance.now()');
      await page.getByRole('treeitem', { name: 'configmaps cm' }).click();
      await page.getByText('1,002 objects').waitFor();
      return (await page.evaluate<number>('performance.now()')) - begun;
    });
    // The API server takes its time.
    let answer: (isAnswered: boolean) => void = () => {};
    const slow = new Promise<boolean>(resolve => {
      answer = resolve;
    });
    const remove = some.server.intercept(async ({ url = '' }) => url.startsWith('/api/v1/secrets') && slow);
    await page.getByRole('treeitem', { name: 'secrets' }).click();
    await page.getByRole('status', { name: 'Loading' }).waitFor();
    answer(false);
    await page.getByText('2 objects').waitFor();
    remove();
  });
});
