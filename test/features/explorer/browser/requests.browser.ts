import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { assertAccessible } from '../../../support/browser/axe.js';
import { openPage, startBrowser, tabTo } from '../../../support/browser/page.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { encrypted } from '../../../support/proxy/encrypted.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const scope = { after };
/** The path of the proxy's API is a part of each request and command. */
const { server, proxy } = await startStack(scope, {
  run: startProxyFor,
  flags: ['--api-prefix=/k8s/', '--reject-paths='],
});
const browser = await startBrowser(scope);
const folder = temporaryFolder();

const env = { PATH: process.env['PATH'], HOME: folder };

/** Runs a copied line in a shell, and returns its output. */
async function run(line: string): Promise<string> {
  const options = { cwd: folder, env, timeout: 60_000, maxBuffer: 1e8 };
  return (await promisify(execFile)('sh', ['-c', line], options)).stdout;
}

/** Runs a copied line that does not end by itself, until its output matches. */
async function prints(line: string, pattern: RegExp): Promise<void> {
  const child = spawn('sh', ['-c', line], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 2] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  try {
    await eventuallyPasses(() => assert.match(output, pattern, line));
  } finally {
    // It is a group of its own: the shell and what it runs.
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    await closed;
  }
}

/** The commands of the view that is shown. */
async function commandsOf(page: Page): Promise<Readonly<Record<'curl' | 'kubectl' | 'fetch', string>>> {
  await page.locator('main').getByText('copy as').first().click();
  const command = async (name: string) =>
    (await page.getByRole('region', { name: `${name} command` }).textContent()) ?? '';
  return { curl: await command('curl'), kubectl: await command('kubectl'), fetch: await command('fetch') };
}

/** Runs the copied JavaScript in the page. */
function runScript(page: Page, script: string): Promise<unknown> {
  return page.evaluate(
    `(async () => { ${script}; return typeof answer === 'undefined' ? response.text() : answer })()`,
  );
}

describe('the panel with the request of a view', () => {
  it('shows method and path, its commands print what the view shows, and a button copies one', async t => {
    const permissions = ['clipboard-read', 'clipboard-write'];
    const { page } = await openPage(
      t,
      browser,
      proxy.url,
      '/api/v1/namespaces/team-0/pods?labelSelector=app%3Dweb&fieldSelector=metadata.name!%3Dweb-1',
      { permissions },
    );
    await page.getByText('1 object', { exact: true }).waitFor();
    await page
      .getByText(
        'GET/k8s/api/v1/namespaces/team-0/pods?labelSelector=app%3Dweb&fieldSelector=metadata.name!%3Dweb-1&limit=500',
      )
      .waitFor();
    const { curl, kubectl, fetch } = await commandsOf(page);
    assert.match(await run(curl), /"kind": ?"Table"[\s\S]*"web-0"/);
    assert.doesNotMatch(await run(curl), /"web-1"/);
    assert.match(await run(kubectl), /^NAME +READY +STATUS +RESTARTS +AGE\nweb-0 +1\/1 +Running +0 +\w+\n$/);
    const table = (await runScript(page, fetch)) as { kind: string; rows: readonly unknown[] };
    assert.deepEqual([table.kind, table.rows.length], ['Table', 1]);
    await page.getByRole('button', { name: 'Copy kubectl' }).click();
    await page.getByRole('button', { name: 'Copy kubectl' }).getByText('Copied').waitFor();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), kubectl);
  });

  it('has the request for one object in YAML, for a log that is followed, or for a watch', async t => {
    const { page, go } = await openPage(
      t,
      browser,
      proxy.url,
      '/apis/apps/v1/namespaces/default/deployments/web',
    );
    await page.getByText('creationTimestamp').waitFor();
    const object = await commandsOf(page);
    assert.match(await run(object.kubectl), /^apiVersion: apps\/v1\nkind: Deployment\n/);
    assert.match(await run(object.curl), /"kind": ?"Deployment"/);
    assert.equal(((await runScript(page, object.fetch)) as { kind: string }).kind, 'Deployment');
    await go('/api/v1/namespaces/default/pods/web-0/log');
    await page.getByText('log line 4').waitFor();
    const log = await commandsOf(page);
    await prints(log.kubectl, /^log line 0\n[\s\S]*log line 4\n$/);
    await prints(log.curl, /log line 4\n$/);
    await go('/api/v1/namespaces/default/configmaps?watch=true');
    await page.getByText('ADDED').first().waitFor();
    const watch = await commandsOf(page);
    await prints(watch.curl, /^\{"type":"ADDED"/);
    await prints(watch.kubectl, /"type": ?"ADDED"/);
  });

  it('explains the pages of a list, with the request for the next one', async t => {
    const path = '/api/v1/namespaces/team-1/configmaps';
    const { page } = await openPage(t, browser, proxy.url, path);
    await page.getByText(/^\d+ objects?$/).waitFor();
    assert.equal(await page.getByText('Next page').count(), 0, 'there is one page');
    for (let at = 0; at < 600; at++) {
      const name = `page-${String(at).padStart(3, '0')}`;
      server.write({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'team-1', name, uid: name },
      });
    }
    await page.reload();
    const next = page.locator('details').filter({ hasText: 'Next page' });
    await next
      .locator('summary')
      .getByText(/limit=500&continue=\S+$/)
      .waitFor();
    await tabTo(page, next.locator('summary'));
    await page.keyboard.press('Enter');
    await next.getByText(/limit=500 asks for at most 500 objects\..*metadata\.continue/).waitFor();
    await assertAccessible(page);
    const command = async (name: string) =>
      (await next.getByRole('region', { name: `${name} command` }).textContent()) ?? '';
    for (const name of ['curl', 'kubectl']) {
      const output = await run(await command(name));
      assert.match(output, /page-5\d\d/);
      assert.doesNotMatch(output, /page-[0-3]\d\d|"continue"/, 'it is the last page');
    }
    const table = (await runScript(page, await command('fetch'))) as { rows: readonly object[] };
    assert.ok(table.rows.length > 99 && table.rows.length < 500);
  });
});

it('the home of a proxy without authentication says that nobody is asked who they are, and as whom requests go', async t => {
  const { page } = await openPage(t, browser, proxy.url, '/');
  const way = page.getByRole('figure', { name: 'The way of a request' });
  for (const text of [
    'plain HTTP, no credentials',
    'adds the kubeconfig’s credentials',
    'requests go as admin',
  ])
    await way.getByText(text, { exact: true }).waitFor();
  await page.getByText('with the credentials of its kubeconfig, whoever sends it').waitFor();
});

describe('the commands at a gateway with an authority of its own', () => {
  it('name the file with its certificate, and work', encrypted, async t => {
    const files = await createServingFiles();
    const gateway = await startGateway(t, { run: startProxyFor, tokenFile: twoUsers, flags: files.flags });
    const origin = `https://localhost:${gateway.proxy.port}`;
    const { page } = await openPage(t, browser, origin, '/api/v1/namespaces/team-0/pods');
    await page.getByLabel('Bearer token').fill('alice-token');
    await page.getByLabel('Bearer token').press('Enter');
    await page.getByText('2 objects').waitFor();
    const { curl, kubectl } = await commandsOf(page);
    await page.locator('main').getByText('NODE_EXTRA_CA_CERTS=ca.crt').waitFor();
    const within = temporaryFolder();
    const runThere = async (line: string) => {
      const env = { PATH: process.env['PATH'], HOME: within, TOKEN: 'alice-token' };
      return (await promisify(execFile)('sh', ['-c', line], { cwd: within, env })).stdout;
    };
    await assert.rejects(runThere(curl), /ca\.crt/);
    await writeFile(join(within, 'ca.crt'), files.authority.certificate);
    assert.match(await runThere(curl), /"kind": ?"Table"[\s\S]*"web-0"/);
    assert.match(await runThere(kubectl), /^NAME +READY[\s\S]*web-0 /);
    await assert.rejects(runThere(curl.replace('--cacert ca.crt', '')), /certificate/);
    await assert.rejects(runThere(kubectl.replace('--certificate-authority ca.crt', '')), /certificate/);
    await page.goto(`${origin}/-/ui/#/`);
    const way = page.getByRole('figure', { name: 'The way of a request' });
    for (const text of [
      'TLS, you are alice',
      'checks who you are, and acts in your name',
      'requests go as alice',
    ])
      await way.getByText(text, { exact: true }).waitFor();
    await page.getByText('with its own credential, in your name').waitFor();
  });
});
