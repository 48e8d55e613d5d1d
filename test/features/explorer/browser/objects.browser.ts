import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { openPage, startBrowser, tabTo } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import type { KubeObject } from '../../../support/fake-api-server/objects.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const { server, proxy } = await startStack(scope, { run: startProxyFor, flags: ['--reject-paths='] });
const browser = await startBrowser(scope);
const namespace = 'default';
const pods = `/api/v1/namespaces/${namespace}/pods`;

function meta(name: string, more: object = {}) {
  return { name, namespace, uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z', ...more };
}

const condition = {
  ...{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
  ...{ message: 'containers with unready status: [app]', lastTransitionTime: '2026-01-01T00:00:00Z' },
};
const managedFields = [
  {
    manager: 'kubelet',
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:status': {} },
  },
];
const pod: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: meta('owned', { managedFields }),
  spec: {
    containers: [
      { name: 'app', image: 'registry.example/app:1' },
      { name: 'sidecar', image: 'registry.example/s:1' },
    ],
  },
  status: { phase: 'Running', conditions: [condition] },
};
server.write(pod);

function writeEvent(name: string, reason: string, uid: string): void {
  const now = new Date().toISOString();
  server.write({
    ...{
      apiVersion: 'v1',
      kind: 'Event',
      metadata: meta(name),
      type: 'Warning',
      reason,
      message: `${reason}!`,
    },
    ...{ firstTimestamp: now, lastTimestamp: now, count: 1 },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name: 'owned', uid },
  });
}

function yaml(page: Page) {
  return page.getByRole('region', { name: 'YAML' });
}

describe('the view of an object', () => {
  it('shows YAML with its managed fields folded, which a click unfolds', async t => {
    const { page } = await openPage(t, browser, proxy.url, `${pods}/owned`);
    await yaml(page).getByText('kind: Pod').waitFor();
    const fold = yaml(page).getByRole('button', { name: 'Fold managedFields' });
    assert.equal(await fold.getAttribute('aria-expanded'), 'false');
    assert.doesNotMatch((await yaml(page).textContent()) ?? '', /kubelet/);
    await fold.click();
    await yaml(page).getByText('manager: kubelet').waitFor();
    await yaml(page).getByRole('button', { name: 'Fold spec' }).click();
    await until(async () => !((await yaml(page).textContent()) ?? '').includes('sidecar'));
    // Keys and values have different colours.
    const colors = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.yaml .line span')].map(token => getComputedStyle(token).color)`,
    );
    assert.ok(new Set(colors).size >= 3, 'it is highlighted');
  });

  it('shows its conditions, and its own events as they come', async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    writeEvent('of-it', 'BackOff', 'uid-owned');
    writeEvent('of-another', 'Elsewhere', 'uid-another');
    await go(`${pods}/owned`);
    const conditions = page.getByRole('region', { name: 'Conditions' });
    await conditions
      .getByRole('row', { name: /Ready False .* ContainersNotReady containers with/ })
      .waitFor();
    const events = page.getByRole('region', { name: 'Events' });
    await events.getByText('BackOff!').waitFor();
    writeEvent('comes-later', 'Killing', 'uid-owned');
    await events.getByText('Killing!').waitFor();
    const rows = await events.getByRole('row').allTextContents();
    assert.match(rows[1] ?? '', /Killing/, 'the newest is the first');
    writeEvent('of-it', 'BackOffAgain', 'uid-owned');
    await events.getByRole('row').nth(1).filter({ hasText: 'BackOffAgain' }).waitFor();
    assert.doesNotMatch((await events.textContent()) ?? '', /Elsewhere/);
  });

  it('follows changes, marks them and announces them, and says that it has been deleted', async t => {
    const { page, problems, requested } = await openPage(t, browser, proxy.url, `${pods}/owned`);
    await yaml(page).getByText('phase: Running').waitFor();
    await page.getByText('live', { exact: true }).first().waitFor();
    server.write({ ...pod, status: { phase: 'Failed', conditions: [condition] } });
    await yaml(page).locator('.marked').filter({ hasText: 'phase: Failed' }).waitFor();
    const lastChange = page.getByRole('complementary', { name: 'Last change' });
    await lastChange.getByText('status.phase Running → Failed').waitFor();
    server.remove(pod);
    await page.getByText('It has been deleted').waitFor();
    server.write(pod);
    assert.deepEqual(problems, []);
    assert.ok(requested.every(url => new URL(url).host === proxy.address));
  });
});

describe('the view of a Secret', () => {
  const [password, token, changed] = [
    'Y29ycmVjdCBob3JzZQ==',
    'YmF0dGVyeSBzdGFwbGU=',
    'Y2hhbmdlZA==',
  ] as const;
  const data = { password, token };
  const applied = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ data }) };
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque' };
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  server.write({ ...secret, metadata: meta('hidden', { annotations: applied }), data });

  it('shows a value only after a click on it, and no other value, in no list and in no watch', async t => {
    const { page, go } = await openPage(t, browser, proxy.url, '/api/v1/secrets');
    const shown = async () => {
      const text = await page.content();
      return Object.values({ ...data, changed }).filter(value => text.includes(value));
    };
    await page.getByRole('link', { name: 'hidden' }).waitFor();
    assert.deepEqual(await shown(), []);
    await go(`${secrets}?watch=true`);
    const event = page.locator('main').getByRole('listitem').filter({ hasText: 'hidden' });
    await event.locator('summary').first().click();
    await event.getByText('"password"').first().waitFor();
    assert.deepEqual(await shown(), []);
    await go(`${secrets}/hidden`);
    const show = page.getByRole('button', { name: 'Show the value of password' });
    await show.waitFor();
    assert.deepEqual(await shown(), []);
    await show.click();
    await yaml(page).getByText(password).waitFor();
    assert.deepEqual(await shown(), [password]);
  });

  it('says that a value has changed, without the old and the new value', async t => {
    const { page } = await openPage(t, browser, proxy.url, `${secrets}/hidden`);
    await page.getByText('live', { exact: true }).first().waitFor();
    server.write({ ...secret, metadata: meta('hidden'), data: { ...data, token: changed } });
    await page.getByRole('complementary', { name: 'Last change' }).getByText('data.token').waitFor();
    assert.doesNotMatch(await page.content(), new RegExp(`${changed}|${token}|${password}`));
  });
});

it('an object links to its owner, and to the objects that it owns', async t => {
  const metadata = meta('middle');
  server.write({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec: {} });
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'middle', uid: metadata.uid };
  server.write({ ...pod, metadata: meta('child', { ownerReferences: [{ ...owner, controller: true }] }) });
  const { page } = await openPage(t, browser, proxy.url, `${pods}/child`);
  await page.getByRole('link', { name: 'ReplicaSet middle' }).click();
  await page.getByRole('heading', { name: 'middle' }).waitFor();
  await page.getByText('Objects that belong to it').click();
  await page.getByRole('link', { name: 'Pod child' }).click();
  await page.getByRole('heading', { name: 'child' }).waitFor();
});

it('a live list shows that the API server is down, and recovers by itself', async t => {
  const { page } = await openPage(t, browser, proxy.url, `/api/v1/namespaces/${namespace}/configmaps`);
  await page.getByText('live', { exact: true }).waitFor();
  await page.evaluate('isSameDocument = true');
  await server.kill();
  await page.getByText('not answering').waitFor();
  await page.getByRole('link', { name: 'settings', exact: true }).waitFor();
  server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('written-while-away'), data: {} });
  await server.restart();
  await page.getByRole('link', { name: 'written-while-away' }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  assert.equal(await page.evaluate('isSameDocument'), true);
});

it('a list that the API server does not answer at once shows skeletons', async t => {
  let answer: (isAnswered: boolean) => void = () => {};
  const slow = new Promise<boolean>(resolve => {
    answer = resolve;
  });
  t.after(server.intercept(async ({ url = '' }) => url.startsWith('/api/v1/services') && slow));
  const { page } = await openPage(t, browser, proxy.url, '/api/v1/services');
  await page.getByRole('status', { name: 'Loading' }).waitFor();
  answer(false);
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
});

describe('an object’s page', () => {
  const names = '../../secrets/x';
  server.write({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: meta('referring'), status: { phase: 'Running' } },
    spec: {
      ...{ nodeName: 'node-0', serviceAccountName: '<b>evil</b>' },
      volumes: [
        { configMap: { name: 'files' } },
        { secret: { secretName: names } },
        { secret: { secretName: 'https://x' } },
      ],
      containers: [{ name: 'app', image: 'x', envFrom: [{ secretRef: { name: 'keys' } }] }],
    },
  });

  it('has the row that the API server prints with its request, and links to what it names, in this page alone', async t => {
    const { page, problems, requested } = await openPage(t, browser, proxy.url, `${pods}/referring`);
    const row = page.getByRole('region', { name: 'As a table' });
    await row.getByRole('cell', { name: 'Running' }).waitFor();
    assert.deepEqual((await row.getByRole('columnheader').allTextContents()).slice(0, 3), [
      'Name',
      'Ready',
      'Status',
    ]);
    await page.locator('.object-row .request').getByText(`GET${pods}/referring`).waitFor();
    assert.equal(
      requested.filter(url => url.endsWith(`${pods}/referring`)).length,
      2,
      'the object and its row',
    );
    const links = await page
      .getByText(/^Uses /)
      .getByRole('link')
      .all();
    const hrefs = await Promise.all(links.map(link => link.getAttribute('href')));
    assert.deepEqual(
      hrefs,
      [
        ...['#/api/v1/nodes/node-0', '#/api/v1/namespaces/default/configmaps/files'],
        '#/api/v1/namespaces/default/secrets/keys',
      ].sort((a, b) => hrefs.indexOf(a) - hrefs.indexOf(b)),
    );
    assert.equal(await page.locator('main b').count(), 0);
    await tabTo(page, page.getByRole('link', { name: 'ConfigMap files' }));
    await page.keyboard.press('Enter');
    await page.waitForURL(/configmaps\/files$/);
    await until(() => page.evaluate<boolean>("document.activeElement.textContent === 'files'"));
    await page.goBack();
    server.write({
      ...pod,
      metadata: meta('referring'),
      status: { phase: 'Failed' },
      spec: { containers: [] },
    });
    await row.getByRole('cell', { name: 'Failed' }).waitFor();
    assert.deepEqual(problems, []);
  });
});
