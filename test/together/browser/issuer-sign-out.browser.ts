import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { Deferred } from '../../../src/lib/deferred.js';
import { assertAccessible } from '../../support/browser/axe.js';
import { alertOf, startBrowser } from '../../support/browser/page.js';
import { until } from '../../support/eventually.js';
import type { RunningProvider } from '../../support/identities/oidc-provider.js';
import type { Scope } from '../../support/scope.js';
import { button, field, pods, signIn, startAtAnIssuer } from './at-an-issuer.js';

const scope = { after };
const browser = await startBrowser(scope);
const { issuer, ui, open } = await startAtAnIssuer(scope, browser);
/** The same with tokens of 8 s. */
const short = await startAtAnIssuer(scope, browser, { lifetime: 8 });

/** Holds the first request of the provider with this path. */
function holdAt(own: Scope, provider: RunningProvider, path: string) {
  const reached = new Deferred();
  const released = new Deferred();
  own.after(() => {
    provider.hold = async () => {};
    released.resolve();
  });
  const passed = reached.promise.then(() => released.promise);
  provider.hold = async received => {
    if (received !== path) return;
    provider.hold = async () => {};
    reached.resolve();
    await released.promise;
  };
  return { reached: reached.promise, passed, release: () => released.resolve() };
}

async function signOut(page: Page): Promise<void> {
  await page.locator('summary', { hasText: 'alice' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click({ noWaitAfter: true });
}

describe('a user who signed in at an issuer', () => {
  it('forgets everything at signing out, and so does the issuer', async t => {
    const { page } = await open(t, pods);
    await signIn(page);
    await page.getByText('2 objects').waitFor();
    const before = issuer.revoked;
    await signOut(page);
    await page.getByRole('button', { name: /Yes/ }).click();
    await button(page).waitFor();
    assert.equal(page.url(), ui);
    assert.ok(issuer.revoked > before);
    assert.equal(await page.evaluate('sessionStorage.length + localStorage.length'), 0);
    await page.reload();
    await signIn(page);
    await page.getByText('Paths that are not resources').waitFor();
  });

  for (const [what, path] of [
    ['the revocation is slow', '/token/revocation'],
    ['the token is just being renewed', '/token'],
  ] as const) {
    it(`signs out to the end, and nobody signs in meanwhile, if ${what}; another window stays as it is`, async t => {
      const { page } = await short.open(t, pods);
      await signIn(page);
      await page.getByText('2 objects').waitFor();
      const { revoked } = short.issuer;
      const held = holdAt(t, short.issuer, path);
      if (path === '/token') await held.reached;
      const other = await page.context().newPage();
      await other.goto(`${short.ui}#${pods}`);
      await button(other).click();
      await other.getByText('2 objects').waitFor();
      await signOut(page);
      if (path === '/token') {
        await page.getByRole('status').getByText('Signing out').waitFor();
        assert.equal((await button(page).count()) + (await field(page).count()), 0);
        await assertAccessible(page);
        held.release();
      }
      await page.getByRole('button', { name: /Yes/ }).waitFor();
      held.release();
      await until(() => short.issuer.revoked === revoked + 1);
      await other.getByText('2 objects').waitFor();
      assert.equal(other.url(), `${short.ui}#${pods}`);
      await page.getByRole('button', { name: /Yes/ }).click();
      await button(page).click();
      await page.locator('input[name=login]').waitFor();
    });
  }

  it('does not leave for an issuer after a token has been entered', async t => {
    const first = await open(t);
    const authorization = first.page.waitForRequest(request => 'authorization' in request.headers());
    await first.go(pods);
    await signIn(first.page);
    const token = ((await authorization).headers()['authorization'] as string).replace('Bearer ', '');
    for (const path of ['/.well-known/openid-configuration', '/auth']) {
      const { page } = await open(t, pods);
      await button(page).waitFor();
      const held = holdAt(t, issuer, path);
      await field(page).fill(token);
      await button(page).click({ noWaitAfter: true });
      await held.reached;
      // From the button to the field.
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByText('2 objects').waitFor();
      const { passed } = held;
      held.release();
      await passed;
      await page.getByText('live', { exact: true }).waitFor();
      assert.equal(page.url(), `${ui}#${pods}`);
      assert.equal(await page.evaluate('Object.keys(sessionStorage).join()'), 'kube-api-proxy-tokens /-/ui/');
    }
  });

  it('is signed in in each window by itself, until one signs out at the issuer', async t => {
    const { page } = await short.open(t, pods);
    await signIn(page);
    await page.getByText('2 objects').waitFor();
    const other = await page.context().newPage();
    await other.goto(`${short.ui}#${pods}`);
    // The issuer knows the user by now.
    await button(other).click();
    await other.getByText('2 objects').waitFor();
    await signOut(other);
    await other.getByRole('button', { name: /Yes/ }).click();
    await button(other).waitFor();
    await alertOf(page, /Your sign-in at .* has ended/).waitFor();
    assert.doesNotMatch(await page.content(), /web-0/);
  });
});
