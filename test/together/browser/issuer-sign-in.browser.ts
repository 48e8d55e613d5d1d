import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from '../../support/browser/axe.js';
import { alertOf, startBrowser } from '../../support/browser/page.js';
import { until } from '../../support/eventually.js';
import { button, field, logIn, pods, signIn, startAtAnIssuer, traces } from './at-an-issuer.js';
import { startFront } from './front.js';

const scope = { after };
const browser = await startBrowser(scope);
const { issuer, proxy, ui, open } = await startAtAnIssuer(scope, browser);
/** The same with tokens of 5 s. */
const short = await startAtAnIssuer(scope, browser, { lifetime: 5 });

async function signOut(page: Page): Promise<void> {
  await page.locator('summary', { hasText: 'alice' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click({ noWaitAfter: true });
}

describe('a page whose proxy offers an issuer', () => {
  it('signs in by the keyboard alone, shows the view that was left, and keeps the tokens in its memory', async t => {
    const { page, requested, problems } = await open(t, pods);
    await button(page).waitFor();
    await until(() => button(page).evaluate(element => element === element.ownerDocument.activeElement));
    await assertAccessible(page);
    assert.deepEqual(await page.locator('.primary').allTextContents(), [await button(page).textContent()]);
    await page.keyboard.press('Enter');
    await logIn(page);
    await page.getByText('2 objects').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal(page.url(), `${ui}#${pods}`);
    const [answer] = requested.filter(url => url.startsWith(`${ui}?`));
    const code = new URL(answer as string).searchParams.get('code') as string;
    const found = await traces(page);
    assert.ok(!found.includes(code));
    // Both an ID token and its parts begin in this way. Random values may have these letters further on.
    const token = /(?<![\w-])eyJ/;
    assert.doesNotMatch(found, token);
    assert.equal(
      await page.evaluate('Object.keys(sessionStorage).join()'),
      'kube-api-proxy-signed-in /-/ui/',
    );
    assert.doesNotMatch(requested.join('\n'), token);
    assert.ok(!proxy.stderr().includes(code));
    const session = await page.context().newCDPSession(page);
    assert.doesNotMatch(JSON.stringify(await session.send('Page.getNavigationHistory')), /[?&]code=/);
    assert.deepEqual(problems, []);
    // The browser keeps the first address of the document for its scripts. By then the code is of no use.
    const status = await page.evaluate(`(async () => {
      const [{ name }] = performance.getEntriesByType('navigation');
      const code = new URL(name).searchParams.get('code');
      const grant = { grant_type: 'authorization_code', client_id: 'kube-api-proxy', redirect_uri: '${ui}', code };
      const answer = await fetch('${issuer.url}/token', { method: 'POST', body: new URLSearchParams(grant) });
      return [code, answer.status];
    })()`);
    assert.deepEqual(status, [code, 400]);
  });

  it('signs in again in silence after a reload, and once only if the issuer would have to ask', async t => {
    const { page, go, requested } = await open(t);
    const silent = () => requested.filter(url => /\/auth\?.*prompt=none/.test(url)).length;
    await go(pods);
    await signIn(page);
    await page.getByText('2 objects').waitFor();
    for (const times of [1, 2]) {
      await page.reload();
      await page.getByText('2 objects').waitFor();
      assert.equal(silent(), times);
      assert.equal(page.url(), `${ui}#${pods}`);
    }
    await page.context().clearCookies();
    await page.reload();
    await button(page).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    assert.equal(silent(), 3);
    await page.reload();
    await button(page).waitFor();
    assert.equal(silent(), 3);
    assert.equal(page.url(), `${ui}#${pods}`);
  });
});

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

describe('a page', () => {
  it('says so if the issuer allows no requests of pages, and takes a token', async t => {
    const { page, go } = await open(t);
    issuer.refusedOrigins.add(proxy.url);
    t.after(() => issuer.refusedOrigins.delete(proxy.url));
    await go(pods);
    await signIn(page);
    await alertOf(page, /may not allow requests of pages at .* \(CORS\)/).waitFor();
    await field(page).fill('no-such-token');
    await field(page).press('Enter');
    await alertOf(page, 'The token is not accepted').waitFor();
    await button(page).waitFor();
    await assertAccessible(page);
  });

  it('says so if the browser has no PKCE here, and takes a token', async t => {
    const { page, go } = await open(t);
    await page.addInitScript("Object.defineProperty(crypto, 'subtle', { value: undefined })");
    await go(pods);
    await page.getByText('To sign in without a token, open this page over https.').waitFor();
    await field(page).waitFor();
    assert.equal(await button(page).count(), 0);
  });
});

it('a page below --public-url is the one that the issuer sends the browser back to, with any prefix; elsewhere there is a link to it', async t => {
  const front = await startFront(t, { '/team/k8s': () => below.proxy.port });
  const publicUrl = `${front}/team/k8s`;
  const below = await startAtAnIssuer(t, browser, { count: 2, args: [`--public-url=${publicUrl}`] });
  // With several issuers, each has a redirect URI of its own, below the prefix too.
  below.issuer.pages.add((below.redirects[0] as string).replace(below.proxy.url, publicUrl));
  const { page } = await below.open(t, pods);
  await page.getByRole('link', { name: `${publicUrl}/-/ui/` }).click();
  await page.getByRole('button', { name: `Sign in with ${new URL(below.issuer.url).host}` }).click();
  await logIn(page);
  await page.getByText('2 objects').waitFor();
  assert.equal(page.url(), `${publicUrl}/-/ui/#${pods}`);
});
