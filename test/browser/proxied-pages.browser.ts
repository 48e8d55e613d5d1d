import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { openPage, startBrowser } from '../support/browser/page.js';
import { startProxy } from '../support/proxy/proxy.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';

const page = '/api/v1/namespaces/x/pods/y/proxy/';

/** The page of a Pod, which tries everything that it can do and records the results. */
const html = `<!doctype html><title>Pod</title><link rel="stylesheet" href="style.css"><script src="script.js"></script><body>
<img src="image.svg" onload="image = true"><pre id="result"></pre><script>
const late = () => new Promise(resolve => setTimeout(resolve, 1000, 'late'));
const attempt = async run => { try { return await Promise.race([run(), late()]) } catch (error) { return error.name } };
const read = path => attempt(async () => (await fetch(path)).text());
const socket = path => new Promise(resolve => {
  const webSocket = new WebSocket('ws://' + location.host + path);
  webSocket.onopen = () => resolve('open');
  webSocket.onerror = () => resolve('error');
});
addEventListener('load', async () => {
  const result = {
    secrets: await read('/api/v1/secrets'),
    write: await attempt(async () => (await fetch('/api/v1/pods', { method: 'POST', body: '{}' })).status),
    blind: await attempt(async () => (await fetch('/api/v1/pods', { method: 'POST', mode: 'no-cors', body: '{}' })).type),
    exec: await attempt(() => socket('/api/v1/namespaces/x/pods/y/exec?command=id')),
    storage: await attempt(() => typeof localStorage.length),
    worker: await attempt(async () => (await navigator.serviceWorker.register('worker.js', { scope: '/' })).scope),
    frame: await attempt(() => new Promise(resolve => {
      const frame = document.createElement('iframe');
      frame.onload = () => resolve(attempt(() => frame.contentDocument?.body.textContent ?? 'nothing'));
      frame.src = '/api/v1/secrets';
      document.body.append(frame);
    })),
    data: await read('data.json'),
    script: typeof fromScript,
    style: getComputedStyle(document.body).color,
    image: typeof image,
  };
  document.querySelector('#result').textContent = JSON.stringify(result);
});
</script>`;

const files: Readonly<Record<string, readonly [string, string]>> = {
  [page]: ['text/html', html],
  [`${page}style.css`]: ['text/css', 'body { color: rgb(1, 2, 3) }'],
  [`${page}script.js`]: ['text/javascript', 'var fromScript = true'],
  [`${page}worker.js`]: ['text/javascript', ''],
  [`${page}image.svg`]: ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'],
  [`${page}data.json`]: ['application/json', '"data"'],
  '/api/v1/secrets': ['application/json', '"S3CRET"'],
};

const browser = await startBrowser({ after });

/** The page's results, and the writes and upgrades that reached the API server. */
async function visit(
  t: TestContext,
  flag: string,
): Promise<{ readonly result: Record<string, unknown>; readonly arrived: readonly string[] }> {
  const upstream = await startStrictUpstream(({ target }, socket) => {
    const [type, body] = files[target] ?? ['text/plain', 'none'];
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nService-Worker-Allowed: /\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  const kubeconfig = await upstream.writeKubeconfig();
  const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, '--reject-paths=', flag]);
  try {
    const shown = await openPage(t, browser, proxy.url);
    await shown.page.goto(`${proxy.url}${page}`);
    const text = await shown.page.locator('#result', { hasText: '}' }).textContent();
    const arrived = upstream.requests
      .filter(({ method, target }) => method !== 'GET' || target.includes('/exec'))
      .map(({ method, target }) => `${method} ${target}`);
    return { result: JSON.parse(text ?? '') as Record<string, unknown>, arrived };
  } finally {
    await proxy.stop('SIGKILL');
    await upstream.stop();
  }
}

test('in a browser a sandboxed page of a Pod shows itself, but cannot read or change anything else', async t => {
  const { result, arrived } = await visit(t, '--sandbox-proxied-pages=true');
  // The arrived requests show whether the socket was opened.
  delete result['exec'];
  assert.deepEqual(result, {
    ...{ secrets: 'TypeError', write: 'TypeError', blind: 'TypeError', storage: 'SecurityError' },
    ...{ worker: 'SecurityError', frame: 'nothing', data: 'TypeError' },
    // Requests for the page's own files come from another origin.
    ...{ script: 'undefined', style: 'rgb(0, 0, 0)', image: 'undefined' },
  });
  assert.deepEqual(arrived, []);
});

test('in a browser a page without a sandbox can do everything that its reader may do', async t => {
  const { result, arrived } = await visit(t, '--sandbox-proxied-pages=false');
  assert.equal(result['secrets'], '"S3CRET"');
  assert.equal(result['frame'], '"S3CRET"');
  assert.equal(result['data'], '"data"');
  assert.deepEqual(
    [result['script'], result['style'], result['image']],
    ['boolean', 'rgb(1, 2, 3)', 'boolean'],
  );
  assert.ok(arrived.some(line => line.startsWith('POST ')));
  assert.ok(arrived.some(line => line.includes('/exec')));
});
