import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';
import { startBrowser } from '../../../support/browser/page.js';
import { listenFor } from '../../../support/ports.js';
import { startInside } from '../../../support/proxy/guarded-run.js';
import { startStrictUpstream } from '../../../support/upstreams/strict-upstream.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}');
});
after(() => upstream.stop());
const flags = [`--kubeconfig=${(await upstream.writeKubeconfig()).path}`, '--quiet', '--reject-paths='];

/** What a page tries with a URL, and whether that gave it anything. */
const attempts = `async url => {
  const loads = (tag, field) => new Promise(resolve => {
    const element = document.createElement(tag);
    element.onload = () => resolve(true);
    element.onerror = () => resolve(false);
    element[field] = url;
    document.body.append(element);
  });
  const ok = promise => promise.then(response => response.ok, () => false);
  return {
    fetch: await ok(fetch(url)),
    write: await ok(fetch(url, { method: 'POST', body: '{}' })),
    deletion: await ok(fetch(url, { method: 'DELETE' })),
    script: await loads('script', 'src'),
    image: await loads('img', 'src'),
    socket: await new Promise(resolve => {
      const socket = new WebSocket(url.replace('http', 'ws'));
      socket.onopen = () => resolve(true);
      socket.onerror = () => resolve(false);
    }),
  };
}`;

test('a page of this machine, opened in a browser, gets nothing of a run, with the path or without it', async t => {
  const { port, base } = await startInside(t, flags);
  const page = await (await startBrowser(t)).newPage();
  const site = http.createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><body>');
  });
  await page.goto(`http://127.0.0.1:${await listenFor(t, site)}/`);
  const writes = upstream.requests.filter(({ method }) => method !== 'GET').length;
  for (const path of ['/api/v1/pods', '/-/metrics', `${base}/api/v1/pods`]) {
    const got = await page.evaluate(`(${attempts})('http://127.0.0.1:${port}${path}')`);
    const nothing = {
      fetch: false,
      write: false,
      deletion: false,
      script: false,
      image: false,
      socket: false,
    };
    assert.deepEqual(got, nothing, path);
  }
  assert.equal(upstream.requests.filter(({ method }) => method !== 'GET').length, writes);
  assert.deepEqual(
    upstream.requests.filter(({ target }) => target.startsWith('/api')),
    [],
  );
});
