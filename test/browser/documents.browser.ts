import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { openPage, startBrowser } from '../support/browser/page.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';

const page = '/clusters/dev/apis/evil.example/v1/page';

/** A page of an aggregated API of cluster `dev`, which uses the credential of cluster `prod`. */
const html = `<!doctype html><title>dev</title><h1>from dev</h1><pre id="stolen"></pre><script>
const prod = location.origin + '/clusters/prod';
fetch(prod + '/api/v1/secrets').then(answer => answer.text()).then(text => {
  document.querySelector('#stolen').textContent = text;
});
fetch(prod + '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { method: 'POST', body: '{}' });
new WebSocket(prod.replace('http', 'ws') + '/api/v1/namespaces/x/pods/y/exec?command=id');
</script>
<form method="post" action="/clusters/prod/api/v1/namespaces"></form><script>document.forms[0].submit()</script>`;

/** The answers are pages of each kind that a browser renders. */
const types = ['text/html', 'application/xhtml+xml', ''];

let type = 'text/html';
const dev = await startStrictUpstream((_request, socket) => {
  const field = type === '' ? '' : `Content-Type: ${type}\r\n`;
  const body = type.includes('xhtml') ? xhtml : html;
  socket.write(`HTTP/1.1 200 OK\r\n${field}Content-Length: ${body.length}\r\n\r\n${body}`);
});
const prod = await startStrictUpstream((_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"S3CRET"');
});
const xhtml = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>dev</title></head><body><h1>from dev</h1><script>
fetch(location.origin + '/clusters/prod/api/v1/secrets');
</script></body></html>`;

const folder = temporaryFolder();
await writeFile(join(folder, 'frame.html'), `<iframe src="${page}"></iframe>`);
const kubeconfigs = await Promise.all([
  dev.writeKubeconfig({ name: 'dev' }),
  prod.writeKubeconfig({ name: 'prod' }),
]);
const proxy = await startProxy(['--all-contexts', '--reject-paths=', `--www=${folder}`], {
  KUBECONFIG: kubeconfigs.map(({ path }) => path).join(':'),
});
/** Another site, which frames the page. */
const site = createServer((_request, response) => {
  response
    .setHeader('Content-Type', 'text/html')
    .end(`<h1>site</h1><iframe src="${proxy.url}${page}"></iframe>`);
}).listen(0, '127.0.0.1');
await once(site, 'listening');

after(async () => {
  site.close();
  await proxy.stop('SIGKILL');
  await Promise.all([dev.stop(), prod.stop()]);
});

const browser = await startBrowser({ after });

/** What a browser shows of a URL when its scripts have nothing more to do. */
async function documentAt(t: TestContext, url: string): Promise<string> {
  const { page } = await openPage(t, browser, proxy.url);
  await page.goto(url, { waitUntil: 'networkidle' });
  return page.content();
}

/** How often the page was requested. */
const visits = () => dev.requests.filter(({ target }) => target.endsWith('/page')).length;

test('in a browser a page of one cluster’s API server is shown, but reaches no other cluster', async t => {
  for (type of types) {
    const document = await documentAt(t, proxy.url + page);
    // Without a type, and told not to guess, a browser shows the source as text.
    assert.match(document, type === '' ? /&lt;h1&gt;from dev/ : /<h1>from dev<\/h1>/, type);
    assert.doesNotMatch(document, /S3CRET/);
  }
  assert.equal(visits(), types.length);
  assert.deepEqual(
    prod.requests.map(({ target }) => target),
    [],
  );
});

test('in a browser such a page reaches no other cluster from a frame, on this origin or on another site', async t => {
  type = 'text/html';
  const before = visits();
  await documentAt(t, `${proxy.url}/static/frame.html`);
  assert.equal(visits(), before + 1);
  const { port } = site.address() as AddressInfo;
  assert.match(await documentAt(t, `http://127.0.0.1:${port}/`), /<h1>site/);
  assert.match(await documentAt(t, `http://localhost:${port}/`), /<h1>site/);
  assert.deepEqual(
    prod.requests.map(({ target }) => target),
    [],
  );
});
