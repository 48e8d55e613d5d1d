import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { openPage, startBrowser } from '../../../support/browser/page.js';
import { requestApi } from '../../../support/clients/http-client.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const { server, proxy } = await startStack(scope, { flags: ['--reject-paths='] });
const browser = await startBrowser(scope);
const { page, go, problems, requested } = await openPage(scope, browser, proxy.url);

/** Writes to the API server directly, like another client. */
async function write(
  method: string,
  path: string,
  object?: object,
  type = 'application/json',
): Promise<void> {
  const body = object && JSON.stringify(object);
  const { status } = await requestApi(server, {
    ...{ method, path },
    headers: { 'Content-Type': type },
    ...(body !== undefined && { body }),
  });
  assert.ok(status < 300, `${method} ${path}: ${status}`);
}

const merge = 'application/merge-patch+json';

function configMap(name: string, more: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { color: 'blue' }, ...more };
}

describe('the first page', () => {
  it('shows the groups with a description, and how the non-resource paths answer', async () => {
    await go('');
    await page.getByRole('heading', { name: /The Kubernetes API/ }).waitFor();
    await page.getByRole('treeitem', { name: 'apps v1' }).waitFor();
    await page.getByRole('row', { name: /\/readyz 200/ }).waitFor();
    await page.getByText('It is not kube-proxy').waitFor();
  });

  it('causes no error in the console', async t => {
    const other = await openPage(t, browser, proxy.url);
    const errors: string[] = [];
    other.page.on('console', message => {
      if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
    });
    const read = other.page.waitForResponse(/openapi\/v3$/);
    await other.go('/');
    // It is the last one that is asked for.
    await read;
    await other.page.getByRole('row', { name: /\/openapi\/v3 200/ }).waitFor();
    await other.page.getByRole('row', { name: /\/logs\/ open it/ }).waitFor();
    assert.deepEqual(errors, []);
  });

  it('has a link to a kubeconfig for the proxy', async () => {
    await go('');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'a kubeconfig for this proxy' }).click();
    assert.equal((await download).suggestedFilename(), 'kubeconfig.yaml');
    const text = await readFile(await (await download).path(), 'utf8');
    assert.match(text, new RegExp(`server: "${proxy.url}"`));
  });
});

describe('a list', () => {
  it("has the server's columns, and follows changes without a reload", async () => {
    await go('/api/v1/namespaces/team-0/configmaps');
    await page.getByRole('columnheader', { name: 'Data' }).waitFor();
    await page.getByRole('link', { name: 'settings', exact: true }).waitFor();
    await page.getByText('live').waitFor();
    await write('POST', '/api/v1/namespaces/team-0/configmaps', configMap('born'));
    const row = page.getByRole('row', { name: /^born 1/ });
    await row.waitFor();
    assert.match((await row.getAttribute('class')) ?? '', /changed-1/);
    await write('PATCH', '/api/v1/namespaces/team-0/configmaps/born', { data: { size: '3' } }, merge);
    await page.getByRole('row', { name: /^born 2/ }).waitFor();
    await write('DELETE', '/api/v1/namespaces/team-0/configmaps/born');
    await page.getByRole('row', { name: /^born/ }).waitFor({ state: 'detached' });
  });
});

describe('an object', () => {
  it('shows YAML that follows changes, and says what has changed', async () => {
    await write('POST', '/api/v1/namespaces/team-0/configmaps', configMap('watched'));
    await go('/api/v1/namespaces/team-0/configmaps/watched');
    await page.getByText('color: blue').waitFor();
    await write('PATCH', '/api/v1/namespaces/team-0/configmaps/watched', { data: { color: 'red' } }, merge);
    await page.getByText('color: red').waitFor();
    await page.getByText('data.color blue → red').waitFor();
    await write('DELETE', '/api/v1/namespaces/team-0/configmaps/watched');
    await page.getByText('It has been deleted').waitFor();
  });
});

it('the page causes no failure, no blocked script and no request to another server', () => {
  assert.deepEqual(problems, []);
  const others = requested.filter(url => new URL(url).host !== proxy.address);
  assert.deepEqual(others, []);
});
