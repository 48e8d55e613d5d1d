import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { openPage, startBrowser } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const spec = {
  group: 'shop.example',
  scope: 'Namespaced',
  names: { plural: 'discounts', singular: 'discount', kind: 'Discount', shortNames: ['dc'] },
  versions: [
    {
      name: 'v2',
      additionalPrinterColumns: [{ name: 'Percent', type: 'integer', jsonPath: '.spec.percent' }],
      schema: {
        openAPIV3Schema: {
          description: 'Discount makes something cheaper.',
          properties: {
            spec: {
              type: 'object',
              properties: { percent: { type: 'integer', description: 'How much cheaper.' } },
            },
          },
        },
      },
    },
    { name: 'v1' },
  ],
};
const { server, proxy } = await startStack(scope, {
  run: startProxyFor,
  server: {
    customResources: [
      {
        ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', spec },
        metadata: { name: 'discounts.shop.example' },
      },
    ],
  },
});
server.write({
  ...{ apiVersion: 'shop.example/v2', kind: 'Discount', spec: { percent: 20 } },
  metadata: { namespace: 'team-0', name: 'summer', uid: 'summer' },
});
const browser = await startBrowser(scope);

/** The focused element. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>('document.activeElement.dataset.path ?? document.activeElement.textContent');
}

/** Waits until the focus is on the heading of the view. */
async function headingHasFocus(page: Page, name: string): Promise<void> {
  const heading = page.getByRole('heading', { name, exact: true, level: 1 });
  await heading.waitFor();
  await until(() => heading.evaluate(element => element.matches(':focus')));
}

/** Whether the focus is visible. */
function isFocusVisible(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(`(() => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  })()`);
}

describe('the tree', () => {
  it('has the core group first, then the named groups, with custom ones marked, and shows the current position', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/apis/shop.example/v2/discounts');
    const current = page.locator('[role=treeitem][aria-current=page]');
    await current.getByText('discounts').waitFor();
    await until(async () => {
      const box = await current.boundingBox();
      return box !== null && box.y > 0 && box.y + box.height <= 800;
    });
    const groups = (await page.locator('[role=treeitem][aria-level="1"]').allTextContents()) as string[];
    assert.match(groups[0] ?? '', /^core/);
    assert.ok(groups.some(text => text.startsWith('apps')));
    assert.match(groups.find(text => text.startsWith('shop.example')) ?? '', /custom/);
    await page.getByRole('treeitem', { name: 'pods po' }).waitFor();
  });

  it('leads to a group whose resources have their kind, short names, scope and verbs', async t => {
    const { page, go } = await openPage(t, browser, proxy.url, '/apis/autoscaling/v2');
    await page.locator('main').getByText('(preferred)').waitFor();
    const versions = await page.locator('main p', { hasText: 'Versions:' }).textContent();
    assert.match(versions ?? '', /v2 \(preferred\), v1/);
    await go('/api/v1');
    await page
      .getByRole('row', { name: /^pods po Pod namespace get list watch create update patch delete/ })
      .waitFor();
    await page.getByRole('row', { name: /^nodes no Node cluster/ }).waitFor();
  });

  it('shows a custom resource like any other, with its columns, its fields and its rights', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/apis/shop.example/v2/discounts');
    await page.getByRole('row', { name: /team-0 summer 20/ }).waitFor();
    await page.getByRole('columnheader', { name: 'Percent' }).waitFor();
    await page.getByRole('link', { name: 'Fields' }).click();
    await page.getByText('Discount makes something cheaper.').waitFor();
    await page.getByText('spec', { exact: true }).click();
    await page.getByText('How much cheaper.').waitFor();
    await page.getByRole('link', { name: 'What I may do' }).click();
    await page.getByRole('row', { name: /^delete yes/ }).waitFor();
  });
});

describe('the keyboard without a mouse', () => {
  it('opens an object: filter, Enter, arrows, Enter, and back', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/');
    await page.getByRole('treeitem').first().waitFor();
    await page.keyboard.press('/');
    assert.equal(await page.getByRole('searchbox').evaluate(element => element.matches(':focus')), true);
    await page.keyboard.type('deployments');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'deployments' }).waitFor();
    await page.getByRole('link', { name: 'web' }).first().waitFor();
    // From the box to the first link of the table.
    for (let count = 0; count < 60 && (await focused(page)) !== 'web'; count++) {
      await page.keyboard.press('Tab');
      assert.equal(await isFocusVisible(page), true, await focused(page));
    }
    assert.equal(await focused(page), 'web');
    await page.keyboard.press('ArrowDown');
    await until(() => page.evaluate<boolean>(`document.activeElement.closest('tr')?.ariaRowIndex === '3'`));
    await page.keyboard.press('Enter');
    await headingHasFocus(page, 'web');
    assert.match(page.url(), /#\/apis\/apps\/v1\/namespaces\/team-0\/deployments\/web$/);
    // A click leaves the focus where it is.
    await page.getByRole('navigation', { name: 'Path' }).getByText('deployments', { exact: true }).click();
    await page.getByRole('columnheader', { name: 'Up-to-date' }).waitFor();
    assert.notEqual(await page.evaluate('document.activeElement.tagName'), 'H1');
    await page.goBack();
    await page.getByRole('heading', { name: 'web' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'deployments' }).waitFor();
  });

  it('walks the tree: arrows unfold, fold and move, Home and End go to the ends, Enter opens', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/');
    await page.getByRole('treeitem').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.press('ArrowDown');
    const press = async (key: string, path: RegExp) => {
      await page.keyboard.press(key);
      await until(async () => path.test(await focused(page)));
      assert.equal(await isFocusVisible(page), true);
    };
    await press('Home', /^\/api/);
    const isOpen = () => page.evaluate('document.activeElement.ariaExpanded');
    if ((await isOpen()) === 'true') await press('ArrowLeft', /^\/api/);
    await until(async () => (await isOpen()) === 'false');
    await press('ArrowDown', /^\/apis\/apps/);
    await press('ArrowRight', /^\/apis\/apps/);
    await until(async () => (await isOpen()) === 'true');
    await press('ArrowRight', /controllerrevisions$/);
    await press('ArrowDown', /daemonsets$/);
    await page.keyboard.press('Enter');
    await headingHasFocus(page, 'daemonsets');
    await page.locator('[role=treeitem][tabindex="0"]').focus();
    assert.match(await focused(page), /daemonsets$/);
    await press('ArrowLeft', /^\/apis\/apps(?:\/v1)?$/);
    await press('End', /./);
    const last = page.getByRole('treeitem').last();
    await until(async () => (await focused(page)) === (await last.getAttribute('data-path')));
    // The Tab key stops once in the tree.
    assert.equal(await page.locator('[role=treeitem][tabindex="0"]').count(), 1);
  });

  it('leaves the filter with Escape, which also clears it, and opens what has exactly the short name, which is marked', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/');
    await page.getByRole('treeitem').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('no such resource');
    await page.getByText('No resource matches.').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('searchbox').inputValue(), '');
    await page.getByRole('treeitem', { name: 'services svc' }).waitFor();
    await page.keyboard.press('/');
    assert.equal(await page.getByRole('searchbox').inputValue(), '', 'the key itself is not typed');
    await page.keyboard.type('ing');
    await page.getByRole('status').getByText('ingresses best').waitFor();
    assert.match((await page.locator('[role=treeitem].best').textContent()) ?? '', /^ingresses/);
    await page.getByRole('treeitem', { name: 'bindings', exact: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'ingresses' }).waitFor();
    assert.match(page.url(), /#\/apis\/networking\.k8s\.io\/v1\/ingresses$/);
  });

  it('skips to the content', async t => {
    const { page } = await openPage(t, browser, proxy.url, '/api/v1/namespaces/default/pods');
    await page.getByRole('link', { name: 'web-0' }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    await page.keyboard.press('Enter');
    await until(async () => (await page.evaluate('document.activeElement.tagName')) === 'MAIN');
  });
});

it('the non-resource paths have their status, which is updated', async t => {
  const { page, go } = await openPage(t, browser, proxy.url);
  await page.clock.install();
  await go('/');
  await page.getByRole('row', { name: /\/readyz 200/ }).waitFor();
  await page.getByRole('row', { name: /\/openapi\/v3 200/ }).waitFor();
  t.after(
    server.intercept(({ url = '' }, response) => {
      if (!url.startsWith('/readyz')) return false;
      response.writeHead(500).end('[-]etcd failed');
      return true;
    }),
  );
  await page.clock.fastForward(11_000);
  await page.getByRole('row', { name: /\/readyz 500/ }).waitFor();
  await page.getByRole('link', { name: '/metrics' }).click();
  await page.getByText('# TYPE ').first().waitFor();
});

it('the first page says what it shows, has a link to a kubeconfig for the proxy, and causes no error in the console', async t => {
  const { page, go } = await openPage(t, browser, proxy.url);
  const errors: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
  });
  await go('/');
  await page.getByRole('heading', { name: /The Kubernetes API/ }).waitFor();
  await page.getByText('It is not kube-proxy').waitFor();
  // It is the last one that is asked for.
  await page.getByRole('row', { name: /\/openapi\/v3 200/ }).waitFor();
  await page.getByRole('row', { name: /\/logs\/ open it/ }).waitFor();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'a kubeconfig for this proxy' }).click();
  assert.equal((await download).suggestedFilename(), 'kubeconfig.yaml');
  const text = await readFile(await (await download).path(), 'utf8');
  assert.match(text, new RegExp(`server: "${proxy.url}"`));
  assert.deepEqual(errors, []);
});

it('a time on the page is in the time zone of the browser', async t => {
  const [timezoneId, locale] = ['Asia/Kolkata', 'en-GB'];
  const times = {
    namespace: 'default',
    name: 'timed',
    uid: 'timed',
    creationTimestamp: '2026-01-01T20:00:00Z',
  };
  server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata: times, data: {} });
  const path = '/api/v1/namespaces/default/configmaps';
  const { page } = await openPage(t, browser, proxy.url, path, { timezoneId, locale });
  const time = page.getByRole('row', { name: /^timed/ }).locator('time');
  assert.match((await time.getAttribute('title')) ?? '', /0?2\/0?1\/2026, 0?1:30/);
});
