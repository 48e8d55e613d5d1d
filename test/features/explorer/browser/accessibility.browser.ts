import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from '../../../support/browser/axe.js';
import { openPage, startBrowser } from '../../../support/browser/page.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const { proxy, server } = await startStack(scope, { run: startProxyFor, flags: ['--reject-paths='] });
// A list of more than one page, and a Pod that names other objects.
for (let at = 0; at < 600; at++) {
  const name = `page-${at}`;
  server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'team-1', name, uid: name } });
}
const spec = {
  ...{ nodeName: 'node-0', serviceAccountName: 'default', containers: [{ name: 'app', image: 'x' }] },
  volumes: [{ configMap: { name: 'settings' } }, { secret: { secretName: 'credentials' } }],
};
const metadata = { namespace: 'team-0', name: 'naming', uid: 'naming' };
server.write({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
const browser = await startBrowser(scope);

/** Each view, and a text that appears when it is drawn. */
const views: Readonly<Record<string, string>> = {
  '/': 'Paths that are not resources',
  '/apis/apps/v1': 'statefulsets',
  '/api/v1/namespaces/team-0/pods': '3 objects',
  '/api/v1/namespaces/team-1/configmaps': 'Next page',
  '/api/v1/pods?watch=true': 'ADDED',
  '/apis/apps/v1/deployments?view=fields': 'Fields',
  '/apis/apps/v1/deployments?view=access': 'remove an object',
  '/api/v1/namespaces/team-0/pods/web-0': 'creationTimestamp',
  '/api/v1/namespaces/team-0/pods/naming': 'ConfigMap settings',
  '/api/v1/namespaces/team-0/secrets/credentials': 'Show',
  '/api/v1/namespaces/team-0/pods/web-0/log': 'log line 4',
  '/readyz': 'readyz check passed',
  '/api/v1/nothing': 'has no nothing',
  '/api/v1/a/b/c/d': 'Not in this API',
};

it('nothing is clipped in a window of 1280 px, and a log is wrapped on a phone', async t => {
  const viewport = { width: 1280, height: 800 };
  const { page, go } = await openPage(t, browser, proxy.url, '/', { viewport });
  for (const [view, text] of Object.entries(views)) {
    if (/pods|secrets/.test(view)) continue;
    await go(view);
    await page.locator('main').getByText(text).first().waitFor();
    assert.deepEqual(await clipped(page), [], view);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await go('/api/v1/namespaces/team-0/pods/web-0/log');
  await page.getByText('log line 4').first().waitFor();
  await page.evaluate("document.querySelector('.line').append('x'.repeat(1000))");
  assert.deepEqual(await clipped(page), []);
});

/** The elements of the content that are wider inside than outside. */
function clipped(page: Page): Promise<readonly string[]> {
  return page.evaluate(`[...document.querySelectorAll('main *')]
    .filter(element => element.closest('details:not([open])') === null)
    .filter(({ clientWidth, scrollWidth }) => clientWidth > 0 && scrollWidth > clientWidth)
    .map(({ outerHTML }) => outerHTML.slice(0, 200))`);
}

for (const [name, options] of Object.entries({
  'in a wide light window': { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  'on a narrow dark screen': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
} as const)) {
  describe(`the page ${name}`, async () => {
    const { page, go } = await openPage(scope, browser, proxy.url, '/', options);
    for (const [view, text] of Object.entries(views)) {
      it(`has no serious violation that axe finds, and scrolls in one direction: ${view}`, async () => {
        await go(view);
        await page.locator('main').getByText(text).first().waitFor();
        await assertAccessible(page);
        assert.deepEqual(
          await page.evaluate(
            "['html', 'main'].filter(name => { const box = document.querySelector(name); return box.scrollWidth > box.clientWidth; })",
          ),
          [],
        );
      });
    }
  });
}
