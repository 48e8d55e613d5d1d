import assert from 'node:assert/strict';
import { openPage, rowOf, startBrowser } from '../../../support/browser/page.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startProxy } from '../../../support/proxy/proxy.js';

test('the page reads the discovery, tables, events and documentation of a real API server', async (t, server) => {
  const browser = await startBrowser(t);
  const namespace = await server.createNamespace();
  const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
  const write = (name: string) =>
    server.admin.do('POST', configMaps, { metadata: { name }, data: { a: '1' } });
  await write('before');
  const proxy = await startProxy([`--kubeconfig=${await server.kubeconfig()}`, '--reject-paths=']);
  t.after(() => proxy.stop('SIGKILL'));
  const { page, go, problems } = await openPage(t, browser, proxy.url, configMaps);
  await page.getByRole('columnheader', { name: 'Data' }).waitFor();
  await rowOf(page, 'before').getByText('1', { exact: true }).waitFor();
  await write('after');
  await rowOf(page, 'after').waitFor();
  await server.admin.do('DELETE', `${configMaps}/before`);
  await rowOf(page, 'before').waitFor({ state: 'detached' });
  await rowOf(page, 'after').getByRole('link', { name: 'after' }).click();
  await page.getByText(`namespace: ${namespace}`).waitFor();
  await go('/apis/apps/v1/deployments?view=fields');
  await page.getByText('Deployment enables declarative updates for Pods and ReplicaSets.').waitFor();
  assert.deepEqual(problems, []);
});
