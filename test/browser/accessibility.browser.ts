import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import axe from 'axe-core';
import { startStack } from '../support/stack.js';
import { openPage, startBrowser } from './page.js';

const scope = { after };
const { proxy } = await startStack(scope, { flags: ['--reject-paths='] });
const browser = await startBrowser(scope);

/** Each view, and something that is there when it is drawn. */
const views: Readonly<Record<string, string>> = {
  '/': 'Beside the resources',
  '/apis/apps/v1': 'statefulsets',
  '/api/v1/namespaces/team-0/pods': '2 objects',
  '/api/v1/pods?watch=true': 'ADDED',
  '/apis/apps/v1/deployments?view=fields': 'Fields',
  '/apis/apps/v1/deployments?view=access': 'remove an object',
  '/api/v1/namespaces/team-0/pods/web-0': 'creationTimestamp',
  '/api/v1/namespaces/team-0/secrets/credentials': 'Show',
  '/api/v1/namespaces/team-0/pods/web-0/log': 'log line 4',
  '/readyz': 'readyz check passed',
  '/api/v1/nothing': 'Not in this API',
};

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

for (const [name, options] of Object.entries({
  'in a wide light window': { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  'on a narrow dark screen': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
} as const)) {
  describe(`the page ${name}`, async () => {
    // The page's own policy would keep axe out.
    const { page, go } = await openPage(scope, browser, proxy.url, { ...options, bypassCSP: true });
    for (const [view, text] of Object.entries(views)) {
      it(`has no serious finding of axe, and scrolls in one direction: ${view}`, async () => {
        await go(view);
        await page.locator('main').getByText(text).first().waitFor();
        await page.evaluate(axe.source);
        const { violations } = (await page.evaluate('axe.run()')) as { violations: readonly Finding[] };
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        assert.deepEqual(
          serious.map(({ id, nodes: [node] }) => `${id}: ${node?.html} ${node?.failureSummary}`),
          [],
        );
        assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
      });
    }
  });
}
