import { randomUUID } from 'node:crypto';
import { after, it } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import { openPage, startBrowser } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import { configMapsIn } from '../../../support/fake-api-server/config-maps.js';
import { startGateway } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await anyApiServer(scope);
const rights = { 'list and not watch': ['list'], 'list and watch, and not get': ['list', 'watch'] };
const users = Object.entries(rights).map(([may, verbs]) => ({ may, verbs, name: `user-${randomUUID()}` }));
const tokenFile = users.map(({ name }) => `token-of-${name},${name},,\n`).join('');
const { proxy } = await startGateway(scope, { server, tokenFile });
const browser = await startBrowser(scope);

for (const { may, verbs, name } of users) {
  it(`a list still follows changes for a user who may ${may}`, async t => {
    const namespace = await server.createNamespace();
    const configMaps = configMapsIn(namespace);
    const write = (own: string) => server.admin.do('POST', configMaps, { metadata: { name: own } });
    await server.grant(name, [{ apiGroups: [''], resources: ['configmaps'], verbs }]);
    await write('is-there');
    const { page, go } = await openPage(t, browser, proxy.url);
    await page.clock.install();
    await go(configMaps);
    await page.getByLabel('Bearer token').fill(`token-of-${name}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('cell', { name: 'is-there' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await write('is-born');
    const born = page.getByRole('cell', { name: 'is-born' });
    // The page asks again every 10 s, by its own clock.
    await until(async () => {
      if (await born.isVisible()) return true;
      await page.clock.runFor(11_000);
      return false;
    });
    // These users may list no namespaces, so they type one.
    await page.getByRole('treeitem', { name: /^services/ }).click();
    await page.getByRole('alert').getByText('services is forbidden').waitFor();
    await until(async () => (await page.getByLabel('Namespace').inputValue()) === namespace);
  });
}
