import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, describe, it } from 'node:test';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { eventually } from '../../support/eventually.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { listenFor } from '../../support/ports.js';
import { startGateway } from '../../support/proxy/stack.js';

const scope = { after };
const browser = await startBrowser(scope);

/** The server of the other page, which is empty. */
const otherPort = await listenFor(
  scope,
  createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<!doctype html><title>other</title><link rel="icon" href="data:,"><body>');
  }),
);
/** By another port of the same host, and by another host: `same-site` and `cross-site`. */
const sites = [`http://127.0.0.1:${otherPort}`, `http://localhost:${otherPort}`];

/** A gateway by default, and one that accepts pages whose server sends a token. */
const gateways = await Promise.all(
  [[], ['--accept-token-pages']].map(async flags => ({
    ...{ flags, accepts: flags.length > 0 },
    ...(await startGateway(scope, { tokenFile: twoUsers, flags })),
  })),
);

const pivot = (url: string, token: string) => {
  const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  return `new WebSocket('${url.replace('http', 'ws')}', ['v5.channel.k8s.io', '${protocol}'])`;
};

/** What a page of anybody can try, with a valid token of its own: what is below a namespace's Pods, and the script for the URL. */
const attacks: Readonly<Record<string, readonly [target: string, script: (url: string) => string]>> = {
  'a watch with a valid token as subprotocol': ['?watch=1', url => pivot(url, 'alice-token')],
  'an exec with a valid token as subprotocol': [
    '/web-0/exec?command=id&stdout=1',
    url => pivot(url, 'alice-token'),
  ],
  'an exec with garbage as subprotocol': ['/web-0/exec?command=id&stdout=1', url => pivot(url, 'garbage')],
  'a POST of a blob': [
    '',
    url => `fetch('${url}', { mode: 'no-cors', method: 'POST', body: new Blob(['{}']) })`,
  ],
  'a form': [
    '',
    url => `document.body.append(Object.assign(document.createElement('form'),
      { id: 'form', method: 'post', action: '${url}', target: 'frame' })),
      document.body.append(Object.assign(document.createElement('iframe'), { name: 'frame' })), form.submit()`,
  ],
  'a read with a valid token': [
    '',
    url => `fetch('${url}', { headers: { Authorization: 'Bearer alice-token' } })`,
  ],
  'a write with a valid token': [
    '/web-0-none',
    url => `fetch('${url}', { method: 'DELETE', headers: { Authorization: 'Bearer alice-token' } })`,
  ],
  'a read with a valid token and without CORS': [
    '',
    url => `fetch('${url}', { mode: 'no-cors', headers: { Authorization: 'Bearer alice-token' } })`,
  ],
};

describe('a page of another origin', () => {
  for (const { flags, accepts, server, proxy } of gateways) {
    for (const site of sites) {
      it(`at ${new URL(site).hostname} reaches no API with a token of its own, in whatever way it sends it (${flags.join() || 'by default'})`, async t => {
        const { page } = await openPage(t, browser, proxy.url);
        await page.goto(site);
        let count = 0;
        const arrived = (path: string) =>
          server.requests.some(record => JSON.stringify(record).includes(path));
        // What the flag is for does arrive.
        const accepted = `/api/v1/namespaces/${new URL(site).hostname}-0x/`;
        const headers = { Origin: 'file://', Authorization: 'Bearer alice-token' };
        const { status } = await fetch(`${proxy.url}${accepted}pods/none`, { method: 'DELETE', headers });
        assert.equal(status, accepts ? 404 : 403);
        assert.equal(arrived(accepted), accepts);
        for (const [what, [target, script]] of Object.entries(attacks)) {
          const namespace = `/api/v1/namespaces/${new URL(site).hostname}-${++count}x/`;
          const url = `${proxy.url}${namespace}pods${target}`;
          await page.evaluate(`void (async () => { ${script(url)} })().catch(() => {})`);
          const answers = () => proxy.log().filter(({ path }) => String(path).startsWith(namespace));
          const seen = () => answers().map(({ code }) => code);
          await eventually(what, () => seen().length > 0);
          // Chromium sends no Sec-Fetch-* with WebSockets, so that the origin is judged after the caller.
          assert.deepEqual([...new Set(seen())], [what.includes('garbage') ? 401 : 403], what);
          assert.ok(!arrived(namespace), what);
        }
      });
    }
  }
});
