import { after, it } from 'node:test';
import { until } from '../support/eventually.js';
import { twoUsers } from '../support/identities/two-users.js';
import { startGateway } from '../support/proxy/gateway.js';
import { openPage, startBrowser } from './page.js';

const scope = { after };
const { server, proxy } = await startGateway(scope, {
  tokenFile: twoUsers,
  server: {
    allow: (user, { verb, resource, isResourceRequest }) => {
      if (!isResourceRequest || user.username === 'proxy' || resource.startsWith('self')) return true;
      return verb === 'list' || (user.username === 'bob' && verb === 'watch');
    },
  },
});
const browser = await startBrowser(scope);

function configMap(name: string) {
  const metadata = { name, namespace: 'team-0', uid: name, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} };
}

for (const [token, may] of [
  ['alice-token', 'list and not watch'],
  ['bob-token', 'list and watch, and not get'],
] as const) {
  it(`a list still follows changes for a user who may ${may}`, async t => {
    const { page, go } = await openPage(t, browser, proxy.url);
    await page.clock.install();
    await go('/api/v1/namespaces/team-0/configmaps');
    await page.getByLabel('Bearer token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('cell', { name: 'settings' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    server.write(configMap(token));
    const born = page.getByRole('cell', { name: token });
    // The page asks again every 10 s, by its own clock.
    await until(async () => {
      if (await born.isVisible()) return true;
      await page.clock.runFor(11_000);
      return false;
    });
  });
}
