import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, it } from 'node:test';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually, until } from '../../support/eventually.js';
import { startGateway } from '../../support/proxy/stack.js';

const scope = { after };
const server = await embeddedApiServer(scope);
const id = randomUUID();
const users = { ann: `ann-${id}`, boss: `boss-${id}` };
const following = ['list', 'watch'];
const followed = [
  { apiGroups: [''], resources: ['namespaces'], verbs: following },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: following },
];
await server.grant(server.proxyName, followed);
const all = await Promise.all(Array.from({ length: 6 }, () => server.createNamespace()));
const visible = all.slice(0, 3).toSorted();
const get = { apiGroups: [''], resources: ['namespaces'], verbs: ['get'], resourceNames: visible };
const pods = { apiGroups: [''], resources: ['pods'], verbs: following };
await server.grant(users.ann, [get, pods]);
const { proxy } = await startGateway(scope, {
  server,
  tokenFile: Object.values(users)
    .map(name => `token-of-${name},${name},,\n`)
    .join(''),
  flags: ['--filter-namespaces'],
});
const browser = await startBrowser(scope);

it('the page offers those namespaces that the user may get, and a list to choose from in place of a box to type in', async t => {
  const token = `token-of-${users.ann}`;
  const listed = async () => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${proxy.url}/api/v1/namespaces`, { headers });
    return response.status === 200 && ((await response.json()) as { items: unknown[] }).items.length === 3;
  };
  await eventually('the API server knows', listed);
  const { page, go } = await openPage(t, browser, proxy.url, '/api/v1/pods');
  await page.getByLabel('Bearer token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  const picker = page.getByRole('combobox', { name: 'Namespace' });
  await until(async () => (await picker.locator('option').count()) === 4);
  assert.deepEqual(await picker.locator('option').allTextContents(), ['All namespaces', ...visible]);
  assert.equal(await page.getByRole('textbox', { name: 'Namespace' }).count(), 0);
  await picker.selectOption(visible[1] as string);
  await until(() => page.url().endsWith(`#/api/v1/namespaces/${visible[1]}/pods`));

  // The list of the namespaces themselves follows the same ones.
  await go('/api/v1/namespaces');
  await page.getByRole('link', { name: visible[2] as string, exact: true }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  const text = (await page.locator('main').textContent()) ?? '';
  for (const name of all) assert.equal(text.includes(name), visible.includes(name), name);
});
