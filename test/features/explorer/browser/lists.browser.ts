import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { alertOf, openPage, rowOf, startBrowser } from '../../../support/browser/page.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventuallyPasses, until } from '../../../support/eventually.js';
import { configMapsIn } from '../../../support/fake-api-server/config-maps.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await embeddedApiServer(scope);
const { proxy } = await startStack(scope, { run: startProxyFor, server, flags: ['--reject-paths='] });
const browser = await startBrowser(scope);
const [namespace, other] = await Promise.all([server.createNamespace(), server.createNamespace()]);
const configMaps = configMapsIn(namespace);

/** Writes a config map of the file's namespace, or replaces it. */
async function writeConfigMap(name: string, { labels = {}, data = {}, within = namespace } = {}) {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
  const { status } = await server.admin.ask('POST', configMapsIn(within), object);
  if (status === 409) await server.admin.do('PUT', `${configMapsIn(within)}/${name}`, object);
}

function firstCells(page: Page): Promise<string[]> {
  return page.locator('table.objects tbody tr[aria-rowindex] td:first-child').allTextContents();
}

it('the headings of a list show that they sort, and how the list is sorted', async t => {
  const { page } = await openPage(t, browser, proxy.url, '/api/v1/namespaces/default/pods');
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

it('a list on a phone has name and status on the screen, and the namespace of each object in a list over all', async t => {
  const viewport = { width: 390, height: 844 };
  const { page, go } = await openPage(t, browser, proxy.url, '/', { viewport });
  for (const path of ['/api/v1/namespaces/default/pods', '/api/v1/pods', '/api/v1/nodes']) {
    await go(path);
    await page.getByRole('columnheader', { name: 'Status' }).waitFor();
    await page.locator('tr[aria-rowindex="2"] .status').waitFor();
    const cell = page.locator('tr[aria-rowindex="2"]').locator('td', { has: page.locator('.status') });
    const box = (await cell.boundingBox()) ?? assert.fail('the cell is not drawn');
    assert.ok(box.x > 0 && box.x + box.width <= 390, `${path}: ${JSON.stringify(box)}`);
  }
  for (const path of ['/api/v1/pods', '/api/v1/configmaps']) {
    await go(path);
    const within = page.locator('tr[aria-rowindex]').getByText('default', { exact: true }).first();
    await within.waitFor();
    const box = (await within.boundingBox()) ?? assert.fail('the namespace is not drawn');
    assert.ok(box.x > 0 && box.x + box.width <= 390, `${path}: ${JSON.stringify(box)}`);
    const row = (await page.locator('tr[aria-rowindex="2"]').boundingBox()) ?? assert.fail();
    assert.equal(row.height, 50, 'as high as the rows that are not drawn');
  }
  // A wider screen has the order of the API server.
  await page.setViewportSize({ width: 1280, height: 800 });
  await go('/api/v1/namespaces/default/pods');
  const headings = page.getByRole('columnheader');
  await headings.filter({ hasText: 'Restarts' }).waitFor();
  assert.deepEqual((await headings.allTextContents()).slice(0, 3), ['Name', 'Ready', 'Status']);
});

it('a live list highlights only the row that has changed, and updates ages', async t => {
  const { page, go } = await openPage(t, browser, proxy.url);
  await writeConfigMap('flashes');
  await writeConfigMap('rests');
  await go(configMaps);
  await rowOf(page, 'flashes').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  const age = () => rowOf(page, 'rests').locator('time').textContent();
  const before = await age();
  assert.match(before ?? '', /^\d+s$/);
  // The page itself records what is highlighted, because that lasts shorter than a busy machine may need for a question.
  await page.evaluate(`flashed = [];
    document.addEventListener('animationstart', ({ target }) => flashed.push(target.closest('tr')?.textContent))`);
  const flashed = () => page.evaluate<string[]>('flashed');
  assert.deepEqual(await flashed(), []);
  await writeConfigMap('flashes', { data: { one: '1' } });
  await until(async () => (await flashed()).length > 0);
  for (const text of await flashed()) assert.match(text, /^flashes1/);
  await until(async () => (await age()) !== before);
});

it('events come newest first, the object is the link, and reason and object are found', async t => {
  const within = await server.createNamespace();
  const events: readonly (readonly [name: string, reason: string, about: object, second: number])[] = [
    ['a-old', 'Pulled', { apiVersion: 'v1', kind: 'Pod', name: 'web-0' }, 1],
    ['b-new', 'Killing', { apiVersion: 'v1', kind: 'Pod', name: 'web-1' }, 30],
    ['c-mid', 'BackOff', { apiVersion: 'evil.example/v1', kind: '<b>Evil</b>', name: 'x' }, 20],
    ['d-bad', 'Odd', { apiVersion: 'v1', kind: 'Pod', name: '../../secrets' }, 10],
  ];
  for (const [name, reason, about, second] of events) {
    const lastTimestamp = `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
    const involvedObject = { ...about, namespace: within };
    const object = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name },
      reason,
      involvedObject,
      lastTimestamp,
    };
    await server.admin.do('POST', `/api/v1/namespaces/${within}/events`, {
      ...object,
      type: 'Normal',
      message: 'x',
    });
  }
  const { page, problems } = await openPage(t, browser, proxy.url, `/api/v1/namespaces/${within}/events`);
  await page.getByText('4 objects').waitFor();
  await page.getByText('newest first', { exact: true }).waitFor();
  const cells = (at: number) =>
    page.locator(`table.objects tbody tr[aria-rowindex] td:nth-child(${at})`).allTextContents();
  await eventuallyPasses(async () =>
    assert.deepEqual(await cells(3), ['Killing', 'BackOff', 'Odd', 'Pulled']),
  );
  const links = await page.locator('table.objects tbody a').all();
  const hrefs = await Promise.all(links.map(link => link.getAttribute('href')));
  assert.deepEqual(
    hrefs.map(href => href?.split(`/${within}`).at(-1)),
    [
      ...['/events/b-new', '/pods/web-1', '/events/c-mid', '/events/c-mid'],
      ...['/events/d-bad', '/events/d-bad', '/events/a-old', '/pods/web-0'],
    ],
  );
  assert.equal(await page.locator('main b').count(), 0);
  await page.getByLabel('Find by name, reason or object').fill('killing');
  await page.getByText('4 objects, 1 found').waitFor();
  await page.getByLabel('Find by name, reason or object').fill('web-0');
  await eventuallyPasses(async () => assert.deepEqual(await cells(3), ['Pulled']));
  assert.deepEqual(problems, []);
});

describe('a list with a filter or an order', () => {
  it('has the namespace, the label selector and the field selector in its address', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    for (const within of [namespace, other]) {
      for (const name of ['web-0', 'web-1']) {
        await writeConfigMap(name, { labels: { of: namespace, app: name.slice(0, 3) }, within });
      }
    }
    await go(`/api/v1/configmaps?labelSelector=of%3D${namespace}`);
    await page.getByText('4 objects').waitFor();
    await page.getByLabel('Namespace').selectOption(other);
    await page.getByText('2 objects').waitFor();
    assert.match(page.url(), new RegExp(`#/api/v1/namespaces/${other}/configmaps\\?`));
    await page.getByLabel('Label selector').fill('app in (web)');
    await page.getByLabel('Field selector').fill('metadata.name=web-1');
    await page.getByLabel('Field selector').press('Enter');
    await page.getByText('1 object', { exact: true }).waitFor();
    await eventuallyPasses(async () => assert.deepEqual(await firstCells(page), ['web-1']));
    const { hash } = new URL(page.url());
    assert.equal(new URLSearchParams(hash.split('?')[1]).get('labelSelector'), 'app in (web)');
    await page.reload();
    await rowOf(page, 'web-1').waitFor();
    assert.equal(await page.getByLabel('Label selector').inputValue(), 'app in (web)');
    await page.goBack();
    await page.getByText('2 objects').waitFor();
    // Another resource is shown in the same namespace.
    await page.getByRole('treeitem', { name: /^secrets/ }).click();
    await page.waitForURL(url => url.hash === `#/api/v1/namespaces/${other}/secrets`);
    await page.goBack();
    await page.getByText('2 objects').waitFor();
    await page.goBack();
    await page.getByText('4 objects').waitFor();
  });

  it('is searched by name, which stays when the user comes back to it', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const labels = { searched: 'yes' };
    for (const name of ['apple', 'grape', 'plum']) await writeConfigMap(name, { labels });
    await go(`${configMaps}?labelSelector=searched`);
    const box = page.getByLabel('Find by name');
    await box.pressSequentially('APP');
    await page.getByText('3 objects, 1 found').waitFor();
    assert.deepEqual(await firstCells(page), ['apple']);
    await writeConfigMap('pineapple', { labels });
    await page.getByText('4 objects, 2 found').waitFor();
    await rowOf(page, 'pineapple').getByRole('link').click();
    await page.getByRole('heading', { name: 'pineapple' }).waitFor();
    await page.goBack();
    await page.getByText('4 objects, 2 found').waitFor();
    assert.equal(await box.inputValue(), 'APP');
    await box.fill('cherry');
    await page.getByText(`No objects in ${namespace} whose name contains “cherry”.`).waitFor();
    await box.fill('');
    await page.getByText('4 objects', { exact: true }).waitFor();
    await rowOf(page, 'plum').waitFor();
    // What was typed is not a list of its own in the history.
    await page.goBack();
    assert.equal(page.url(), 'about:blank');
  });

  it('says that it is empty, or what is wrong in a selector in the API server’s words', async t => {
    const { page, go } = await openPage(t, browser, proxy.url, `${configMaps}?labelSelector=a%20b%20c`);
    await alertOf(page, 'unable to parse requirement').waitFor();
    // The API server sends null for the rows of no roles.
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;
    for (const path of [`${configMaps}?labelSelector=nobody%3Dhas-this`, roles]) {
      await go(path);
      await page.getByText(`No objects in ${namespace}.`).waitFor();
    }
  });
});
