import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from '../../../support/browser/axe.js';
import { openPage, startBrowser, tabTo } from '../../../support/browser/page.js';
import { defaultPolicy, type Policy } from '../../../support/fake-api-server/authorization.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startGateway } from '../../../support/proxy/stack.js';

const scope = { after };
const seen = ['team-d', 'team-a'];
/** Alice and bob may read two namespaces; bob may list the names of all. */
const allow: Policy = (user, asked) => {
  if (user.username === 'proxy') return true;
  if (defaultPolicy(user, asked) || !asked.isResourceRequest) return true;
  if (asked.resource === 'namespaces') return user.username === 'bob' && asked.verb === 'list';
  return seen.includes(asked.namespace) && ['get', 'list', 'watch'].includes(asked.verb);
};
const { proxy, server } = await startGateway(scope, {
  run: startProxyFor,
  server: { allow },
  tokenFile: twoUsers,
});
for (const name of [...seen, 'team-10', 'team-9']) {
  server.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: name } });
  const metadata = { namespace: name, name: `web-of-${name}`, uid: `web-of-${name}` };
  server.write({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'web', image: 'web' }] },
  });
}
const browser = await startBrowser(scope);

async function signIn(page: Page, token: string) {
  await page.getByLabel('Bearer token').fill(token);
  await page.getByLabel('Bearer token').press('Enter');
}

const windows = {
  'wide and light': { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  'narrow and dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
} as const;

for (const [name, options] of Object.entries(windows)) {
  describe(`a window that is ${name}, for a user with rights in some namespaces`, () => {
    it('offers the namespaces that the user may list, in the place of a table of all that is refused', async t => {
      const { page, go } = await openPage(
        t,
        browser,
        proxy.url,
        '/api/v1/pods?labelSelector=app!%3Dx',
        options,
      );
      await signIn(page, 'bob-token');
      const choice = page.locator('.choice');
      await choice.getByRole('heading', { name: 'Choose a namespace' }).waitFor();
      await choice.getByText(/pods is forbidden: User "bob".*at the cluster scope/).waitFor();
      const links = (await choice.getByRole('link').allTextContents()).filter(text =>
        text.startsWith('team'),
      );
      assert.deepEqual(links, ['team-0', 'team-9', 'team-10', 'team-a', 'team-d']);
      assert.equal(await page.getByText('0 objects').count(), 0);
      assert.equal(await page.locator('table').count(), 0);
      await choice.getByText('This view asked to list pods in all namespaces.').waitFor();
      await tabTo(page, choice.locator('summary'));
      await page.keyboard.press('Enter');
      const canI = await choice.getByRole('region', { name: 'kubectl command' }).textContent();
      assert.match(canI ?? '', / auth can-i list pods --all-namespaces$/);
      // The menu has the same order.
      const menu = await page.getByLabel('Namespace').locator('option').allTextContents();
      assert.deepEqual(
        menu.filter(text => text.startsWith('team')),
        links,
      );
      await assertAccessible(page);
      await tabTo(page, choice.getByRole('link', { name: 'team-d' }));
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'web-of-team-d' }).waitFor();
      assert.match(page.url(), /namespaces\/team-d\/pods\?labelSelector=app/);
      await go('/api/v1/namespaces/team-9/pods/x');
      await page.locator('main').getByText('This view asked to get pods x in team-9.').waitFor();
      await page.locator('main').locator('p').getByRole('link', { name: 'What I may do' }).click();
      await page.waitForURL(/namespaces\/team-9\/pods\?view=access$/);
    });

    it('offers the namespaces that the user has visited, if the user may not list any', async t => {
      const { page, go } = await openPage(t, browser, proxy.url, '/api/v1/pods', options);
      await signIn(page, 'alice-token');
      await page
        .getByRole('alert')
        .getByText(/pods is forbidden: User "alice"/)
        .waitFor();
      assert.equal(await page.locator('.choice').count(), 0);
      const main = page.locator('main');
      await main.getByText('This view asked to list pods in all namespaces.').waitFor();
      await main.getByText('copy as').last().click();
      const canI = await main.getByRole('region', { name: 'kubectl command' }).last().textContent();
      assert.match(canI ?? '', / auth can-i list pods --all-namespaces$/);
      await assertAccessible(page);
      await go('/api/v1/namespaces/team-a/pods');
      await page.getByRole('link', { name: 'web-of-team-a' }).waitFor();
      await go('/api/v1/namespaces/team-d/pods');
      await page.getByRole('link', { name: 'web-of-team-d' }).waitFor();
      for (const view of ['/api/v1/pods', '/api/v1/pods?watch=true']) {
        await go(view);
        const links = page.locator('.choice li').getByRole('link');
        await links.first().waitFor();
        assert.deepEqual(await links.allTextContents(), ['team-a', 'team-d']);
      }
      await page.locator('.choice').getByRole('link', { name: 'team-a' }).click();
      await page.getByText('web-of-team-a').first().waitFor();
      // A new document begins in the last namespace.
      await go('/api/v1/nodes');
      await page.reload();
      if (options.viewport.width > 800) {
        const item = page.locator('[role=treeitem][data-path="/api/v1/pods"]');
        await page.locator('[role=treeitem][data-path="/api/v1/pods"][href*="team-a"]').waitFor();
        assert.match((await item.getAttribute('href')) ?? '', /namespaces\/team-a\/pods$/);
      }
      await page.locator('.who > summary').click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Bearer token').waitFor();
      assert.equal(await page.evaluate('localStorage.length'), 0);
    });
  });
}
