import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { anyApiServer } from '../../../support/any-api-server.js';
import { alertOf, openPage, rowOf, startBrowser } from '../../../support/browser/page.js';
import { eventuallyPasses, until } from '../../../support/eventually.js';
import { configMapsIn } from '../../../support/fake-api-server/config-maps.js';
import type { KubeObject } from '../../../support/fake-api-server/objects.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await anyApiServer(scope);
const { proxy } = await startStack(scope, { server, flags: ['--reject-paths='] });
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

describe('a live list', () => {
  it('highlights only the row that has changed', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await writeConfigMap('flashes');
    await writeConfigMap('rests');
    await go(configMaps);
    await rowOf(page, 'flashes').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    // The page itself records what is highlighted, because that lasts shorter than a busy machine may need for a question.
    await page.evaluate(`flashed = [];
      document.addEventListener('animationstart', ({ target }) => flashed.push(target.closest('tr')?.textContent))`);
    const flashed = () => page.evaluate<string[]>('flashed');
    assert.deepEqual(await flashed(), []);
    await writeConfigMap('flashes', { data: { one: '1' } });
    await until(async () => (await flashed()).length > 0);
    for (const text of await flashed()) assert.match(text, /^flashes1/);
  });

  it('removes the row of an object that is deleted or no longer matches', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    const tier = (value: string) => ({ labels: { tier: value } });
    for (const name of ['leaves', 'is-deleted', 'stays']) await writeConfigMap(name, tier('front'));
    await go(`${configMaps}?labelSelector=tier%3Dfront`);
    await rowOf(page, 'stays').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    assert.deepEqual(await firstCells(page), ['is-deleted', 'leaves', 'stays']);
    await writeConfigMap('leaves', tier('back'));
    await server.admin.do('DELETE', `${configMaps}/is-deleted`);
    await writeConfigMap('comes', tier('front'));
    await rowOf(page, 'comes').waitFor();
    await rowOf(page, 'leaves').waitFor({ state: 'detached' });
    await rowOf(page, 'is-deleted').waitFor({ state: 'detached' });
  });

  it('updates ages', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await writeConfigMap('ages');
    await go(`${configMaps}?fieldSelector=metadata.name%3Dages`);
    await rowOf(page, 'ages').waitFor();
    const age = () => rowOf(page, 'ages').locator('time').textContent();
    const before = await age();
    assert.match(before ?? '', /^\d+s$/);
    await until(async () => (await age()) !== before);
  });
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
    await page.goBack();
    await page.getByText('4 objects').waitFor();
  });

  it('stays in its namespace when another resource is chosen, until all namespaces are', async t => {
    const { page } = await openPage(t, browser, proxy.url, configMaps);
    for (const [resource, path] of [
      [/^secrets/, `/api/v1/namespaces/${namespace}/secrets`],
      [/^nodes/, '/api/v1/nodes'],
      [/^services/, `/api/v1/namespaces/${namespace}/services`],
    ] as const) {
      await page.getByRole('treeitem', { name: resource }).first().click();
      await page.waitForURL(url => url.hash === `#${path}`);
    }
    await page.getByRole('navigation', { name: 'Path' }).getByText('v1', { exact: true }).click();
    await page.getByRole('region', { name: 'Resources of v1' }).getByRole('link', { name: 'pods' }).click();
    await page.waitForURL(url => url.hash === `#/api/v1/namespaces/${namespace}/pods`);
    await page.getByLabel('Namespace').selectOption('All namespaces');
    await page.waitForURL(url => url.hash === '#/api/v1/pods');
    await page.getByRole('treeitem', { name: /^secrets/ }).click();
    await page.waitForURL(url => url.hash === '#/api/v1/secrets');
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

it('an object links to its owner, and to the objects that it owns', async t => {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const pod = { containers: [{ name: 'app', image: 'registry.example/app:1' }] };
  const labels = { app: 'top' };
  const template = { metadata: { labels }, spec: pod };
  const write = async (path: string, kind: string, name: string, spec: object, owner?: KubeObject) => {
    const { apiVersion, kind: ownerKind, metadata } = owner ?? {};
    const reference = { apiVersion, kind: ownerKind, name: metadata?.name, uid: metadata?.uid };
    const ownerReferences = owner === undefined ? [] : [{ ...reference, controller: true }];
    const object = { kind, metadata: { name, labels, ownerReferences }, spec };
    return (await server.admin.do('POST', path, object)) as KubeObject;
  };
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const replicated = { replicas: 1, selector: { matchLabels: labels }, template };
  const top = await write(`${apps}/deployments`, 'Deployment', 'top', replicated);
  const middle = await write(`${apps}/replicasets`, 'ReplicaSet', 'middle', replicated, top);
  await write(pods, 'Pod', 'owned', pod, middle);

  const { page } = await openPage(t, browser, proxy.url, `${pods}/owned`);
  await page.getByRole('link', { name: 'ReplicaSet middle' }).click();
  await page.getByRole('heading', { name: 'middle' }).waitFor();
  await page.getByRole('link', { name: 'Deployment top' }).waitFor();
  await page.getByText('Objects that belong to it').click();
  await page.getByRole('link', { name: 'Pod owned' }).click();
  await page.getByRole('heading', { name: 'owned' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'middle' }).waitFor();
});

const rights = { 'list and not watch': ['list'], 'list and watch, and not get': ['list', 'watch'] };
const users = Object.entries(rights).map(([may, verbs]) => ({ may, verbs, name: `user-${randomUUID()}` }));
const tokenFile = users.map(({ name }) => `token-of-${name},${name},,\n`).join('');
const gateway = await startGateway(scope, { server, tokenFile });

for (const { may, verbs, name } of users) {
  it(`a list still follows changes for a user who may ${may}`, async t => {
    const own = await server.createNamespace();
    const path = configMapsIn(own);
    const write = (object: string) => server.admin.do('POST', path, { metadata: { name: object } });
    await server.grant(name, [{ apiGroups: [''], resources: ['configmaps'], verbs }]);
    await write('is-there');
    const { page, go } = await openPage(t, browser, gateway.proxy.url);
    await page.clock.install();
    await go(path);
    await page.getByLabel('Bearer token').fill(`token-of-${name}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('cell', { name: 'is-there' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await write('is-born');
    const born = page.getByRole('cell', { name: 'is-born' });
    // The page asks again every 10 s, by its own clock.
    await until(async () => {
      if (await born.isVisible()) return true;
      await page.clock.runFor(11_000);
      return false;
    });
    // These users may list no namespaces, so they type one.
    await page.getByRole('treeitem', { name: /^services/ }).click();
    await alertOf(page, 'services is forbidden').waitFor();
    await until(async () => (await page.getByLabel('Namespace').inputValue()) === own);
  });
}
