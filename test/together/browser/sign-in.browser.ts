import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from '../../support/browser/axe.js';
import { alertOf, openPage, startBrowser } from '../../support/browser/page.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { until } from '../../support/eventually.js';
import { twoUsers, twoUsersPolicy } from '../../support/identities/two-users.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { startGateway, startStack } from '../../support/proxy/stack.js';
import { field, pods, traces } from './at-an-issuer.js';
import { startFront } from './front.js';

const scope = { after };
const browser = await startBrowser(scope);
const gateway = await startGateway(scope, { run: startProxyFor, tokenFile: twoUsers });

async function signIn(page: Page, token: string): Promise<void> {
  await field(page).fill(token);
  await field(page).press('Enter');
}

describe('a page whose proxy requires a token', () => {
  it('is public, asks for the token, reports one that is not accepted, and shows everything with one that is', async t => {
    const { page, problems } = await openPage(t, browser, gateway.proxy.url, pods);
    assert.equal(await field(page).getAttribute('type'), 'password');
    await until(() => field(page).evaluate(element => element === element.ownerDocument.activeElement));
    await assertAccessible(page);
    await signIn(page, 'no-such-token');
    await alertOf(page, 'The token is not accepted').waitFor();
    assert.equal(await field(page).inputValue(), '');
    await signIn(page, 'alice-token');
    await page.getByText('2 objects').waitFor();
    // The stream sends the token too.
    await page.getByText('live', { exact: true }).waitFor();
    await until(() => gateway.server.openWatches.length === 1);
    await page.locator('summary', { hasText: 'alice' }).click();
    await page.getByText('The API server knows you as').waitFor();
    await page.getByRole('listitem').filter({ hasText: /^dev$/ }).waitFor();
    assert.deepEqual(problems, []);
  });

  it('shows what a reader with few rights may see, and says what is forbidden', async t => {
    const { page, go } = await openPage(t, browser, gateway.proxy.url, pods);
    await signIn(page, 'bob-token');
    await alertOf(page, /pods is forbidden: User "bob" cannot list/).waitFor();
    await go('/api/v1/namespaces/default/pods?view=access');
    await page.getByRole('row', { name: /^get no/ }).waitFor();
    await go('/api/v1/namespaces/default/configmaps?view=access');
    await page.getByRole('row', { name: /^get yes/ }).waitFor();
  });

  it('puts the token into no address, cookie, storage, document or log', async t => {
    const own = await startGateway(t, {
      run: startProxyFor,
      tokenFile: twoUsers,
      flags: ['--sandbox-proxied-pages=false', '-v=9'],
    });
    const { page, requested } = await openPage(t, browser, own.proxy.url, pods);
    await signIn(page, 'alice-token');
    await page.getByText('2 objects').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'web-0' }).click();
    await page.getByText('creationTimestamp').waitFor();
    await page.locator('main').getByText('copy as').last().click();
    const encoded = Buffer.from('alice-token').toString('base64url');
    const secret = new RegExp(`alice-token|${encoded}|${encodeURIComponent('alice-token')}`);
    assert.doesNotMatch(await traces(page), secret);
    assert.doesNotMatch(requested.join('\n'), secret);
    await until(() => own.server.openWatches.length > 0);
    assert.doesNotMatch(own.proxy.stderr(), secret);
    await page.reload();
    await field(page).waitFor();
  });

  it('saves the kubeconfig that the token gives access to', async t => {
    const own = await startGateway(t, { run: startProxyFor, tokenFile: twoUsers, flags: ['--all-contexts'] });
    const { page, problems } = await openPage(t, browser, own.proxy.url, '/');
    await signIn(page, 'alice-token');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'a kubeconfig for this proxy' }).click();
    assert.equal((await download).suggestedFilename(), 'kubeconfig.yaml');
    // A stranger does not learn the names of the contexts.
    assert.match(await readFile(await (await download).path(), 'utf8'), /server: ".*\/clusters\/test"/);
    assert.deepEqual(problems, []);
  });

  it('keeps it only for its window if pages of Pods are sandboxed, and drops it after signing out', async t => {
    const { page } = await openPage(t, browser, gateway.proxy.url, pods);
    await signIn(page, 'alice-token');
    await page.getByText('2 objects').waitFor();
    await page.reload();
    await page.getByText('2 objects').waitFor();
    const other = await page.context().newPage();
    await other.goto(`${gateway.proxy.url}/-/ui/`);
    await field(other).waitFor();
    await page.locator('summary', { hasText: 'alice' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await field(page).waitFor();
    assert.doesNotMatch(await traces(page), /alice-token|web-0/);
    await until(() => gateway.server.openWatches.length === 0);
    await page.reload();
    await field(page).waitFor();
    await page.goBack();
    assert.doesNotMatch(await page.content(), /web-0/);
  });

  it('sends it to no other proxy below the same origin', async t => {
    const other = await startGateway(t, { run: startProxyFor, tokenFile: 'other-token,other,,\n' });
    const origin = await startFront(t, {
      '/one': () => gateway.proxy.port,
      '/other': () => other.proxy.port,
    });
    const { page } = await openPage(t, browser, origin);
    const visit = (name: string) => page.goto(`${origin}/${name}/-/ui/#/api/v1/namespaces/default/pods`);
    await visit('one');
    await signIn(page, 'alice-token');
    await page.getByText('2 objects').waitFor();
    const sent: string[] = [];
    page.on('request', request => {
      if (request.url().startsWith(`${origin}/other/`))
        sent.push(request.headers()['authorization'] ?? 'none');
    });
    await visit('other');
    await field(page).waitFor();
    assert.deepEqual([...new Set(sent)], ['none']);
    await visit('one');
    await page.getByText('2 objects').waitFor();
  });
});

describe('a page whose proxy accepts client certificates', async () => {
  const authority = await createCertificateAuthority({ commonName: 'clients' });
  const tls = await createServingFiles();
  const clients = await tls.replace('clients.crt', authority.certificate);
  const flags = [`--client-ca-file=${clients}`, '--reject-paths='];
  const { port } = await startStack(scope, {
    run: startProxyFor,
    server: { allow: twoUsersPolicy },
    flags,
    tls,
  });
  const origin = `https://localhost:${port}`;

  it('does not ask for a token if the browser has a certificate', async t => {
    const { certificate, key } = await authority.client({ commonName: 'alice', organizations: ['dev'] });
    const { page } = await openPage(t, browser, origin, pods, {
      clientCertificates: [{ origin, cert: Buffer.from(certificate), key: Buffer.from(key) }],
    });
    await page.getByText('2 objects').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('summary', { hasText: 'alice' }).waitFor();
    assert.equal(await field(page).count(), 0);
  });

  it('asks for a token if the browser has none', async t => {
    const { page } = await openPage(t, browser, origin, '/');
    await field(page).waitFor();
  });
});
