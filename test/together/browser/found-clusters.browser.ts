import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { eventually } from '../../support/eventually.js';
import { startFoundGateway } from '../../support/found-clusters/found-gateway.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { field } from './at-an-issuer.js';

const scope = { after };
const browser = await startBrowser(scope);

it('the page shows a found cluster to whoever has a token of the cluster of /, and the cluster never sees the token', async t => {
  const { home, found, proxy, write, path, until } = await startFoundGateway(scope, {
    run: startProxyFor,
    flags: ['--authentication-token-webhook'],
    tokens: { 'token-of-ann': { username: 'ann' } },
  });
  write('east');
  await until('east', /unused/, { authorization: 'Bearer token-of-ann' });
  const pods = `${path('east')}/api/v1/namespaces/default/pods`;
  const { page, problems } = await openPage(t, browser, proxy.url, pods);
  await field(page).fill('token-of-ann');
  await field(page).press('Enter');
  await page.getByText('2 objects').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await eventually('the watch is at the found cluster', () => found.openWatches.length === 1);
  assert.ok(found.openWatches.every(({ impersonated }) => impersonated?.username === 'ann'));
  assert.ok(
    !JSON.stringify(found.requests.map(({ rawUrl, rawHeaders }) => [rawUrl, rawHeaders])).includes(
      'token-of-ann',
    ),
  );
  assert.ok(home.requests.some(({ rawUrl }) => rawUrl.endsWith('/tokenreviews')));
  assert.deepEqual(problems, []);
});
