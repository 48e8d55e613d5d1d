import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { alertOf, startBrowser } from '../../support/browser/page.js';
import { until } from '../../support/eventually.js';
import { button, logIn, pods, signIn, startAtAnIssuer } from './at-an-issuer.js';

const scope = { after };
const browser = await startBrowser(scope);
const { issuer, proxy, server, ui, open } = await startAtAnIssuer(scope, browser);

/** A window whose user the issuer knows, so that one click signs in. */
const { page, go, requested, problems } = await open(scope, pods);
await signIn(page);
await page.getByText('2 objects').waitFor();

/** Begins to sign in, in a new document. */
async function begin(): Promise<void> {
  await page.goto('about:blank');
  await go(pods);
  requested.length = 0;
  problems.length = 0;
  await button(page).click();
}

/** Waits until the page says why the user is not signed in. */
async function refused(problem: RegExp | string): Promise<void> {
  await alertOf(page, problem).waitFor();
  await button(page).waitFor();
}

describe('a hostile discovery document', () => {
  const url = `${issuer.url}/.well-known/openid-configuration`;
  const alter = (members: Readonly<Record<string, unknown>>) =>
    page.route(url, async route => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as object), ...members } });
    });
  afterEach(() => page.unroute(url));

  it('cannot send a code to an origin that the proxy does not know', async () => {
    await alter({ token_endpoint: 'https://evil.example/token' });
    await begin();
    // The proxy may have learned the origin after the page was loaded.
    await refused(/does not answer this page.*Reload the page/);
    assert.match(problems.join(), /evil\.example/);
  });
});

it('an issuer that sends the user to another one, with its redirect URI, gets no code that names no issuer, because the page did not expect it there', async t => {
  const both = await startAtAnIssuer(t, browser, { count: 2 });
  const [honest, dishonest] = both.issuers.map(({ url }) => url) as [string, string];
  const { page: window, requested, go } = await both.open(t);
  const buttonOf = (url: string) => window.getByRole('button', { name: `Sign in with ${new URL(url).host}` });
  for (const each of both.issuers) {
    // Both discovery documents say that answers have no `iss`, as is true.
    await window.route(`${each.url}/.well-known/openid-configuration`, async route => {
      const response = await route.fetch();
      const document = { authorization_response_iss_parameter_supported: false };
      await route.fulfill({ response, json: { ...((await response.json()) as object), ...document } });
    });
    each.alterAnswer = address => {
      address.searchParams.delete('iss');
      return address;
    };
  }
  await window.route(`${dishonest}/auth?*`, async (route, request) => {
    const query = new URL(request.url()).searchParams;
    query.set('redirect_uri', both.redirects[0] as string);
    await route.fulfill({ status: 303, headers: { Location: `${honest}/auth?${query}` } });
  });
  const tokenRequests = () => requested.filter(url => new URL(url).pathname === '/token');
  await go(pods);
  await buttonOf(dishonest).click();
  await logIn(window);
  await alertOf(window, /another address/).waitFor();
  assert.equal(window.url(), `${both.ui}#${pods}`);
  assert.ok(requested.some(url => url.startsWith(`${both.redirects[0]}?code=`)));
  assert.deepEqual(tokenRequests(), []);
  // The honest one still works, and knows the user by now.
  await buttonOf(honest).click();
  await window.getByText('2 objects').waitFor();
  assert.equal(window.url(), `${both.ui}#${pods}`);
  assert.equal(tokenRequests().length, 1);
  await window.reload();
  await window.getByText('2 objects').waitFor();
});

it('a page of a Pod, which is sandboxed, can neither begin to sign in nor end it', async t => {
  const path = `${pods}/web-0/proxy/`;
  t.after(
    server.intercept(({ url = '' }, response) => {
      if (!url.startsWith(path)) return false;
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end('<!doctype html><title>pod</title><script>document.title = "runs"</script>');
      return true;
    }),
  );
  let authorization = '';
  page.on('request', request => {
    authorization = request.headers()['authorization'] ?? authorization;
  });
  await begin();
  await page.getByText('2 objects').waitFor();
  // Something in front of the proxy adds the user's token.
  await page.route(`${proxy.url}${path}`, (route, request) =>
    route.continue({ headers: { ...request.headers(), authorization } }),
  );
  const visit = async () => {
    await page.goto(`${proxy.url}${path}`);
    await until(async () => (await page.title()) === 'runs');
  };
  await visit();
  const read = '(() => { try { return sessionStorage.length } catch (error) { return error.name } })()';
  assert.equal(await page.evaluate(read), 'SecurityError');
  requested.length = 0;
  for (const query of ['', '?code=x&state=x', '?error=login_required&state=x']) {
    await page.evaluate(`location.href = '${ui}${query}'`);
    await button(page).waitFor();
    await visit();
  }
  const popup = page.context().waitForEvent('page');
  await page.evaluate(`void open('${ui}')`);
  await (await popup).waitForLoadState().catch(() => {});
  assert.equal(await button(await popup).count(), 0);
  assert.deepEqual(
    requested.filter(url => url.startsWith(issuer.url)),
    [],
  );
});
