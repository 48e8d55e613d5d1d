import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openPage, startBrowser } from '../support/browser/page.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy/proxy.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';

const browser = await startBrowser({ after });

const pod = '/api/v1/namespaces/x/pods/y/proxy';
const group = '/apis/evil.example/v1';

/** Header fields by which an answer of any type makes Chromium load a path. */
const variants: Readonly<Record<string, (path: string) => readonly string[]>> = {
  refresh: path => [`Refresh: 0; url=${path}`],
  prefetch: path => [`Link: <${path}>; rel=prefetch`],
  preload: path => [`Link: <${path}>; rel=preload; as=fetch; crossorigin=use-credentials`],
  image: path => [`Link: <${path}>; rel=preload; as=image`],
  script: path => [`Link: <${path}>; rel=preload; as=script`],
  module: path => [`Link: <${path}>; rel=modulepreload`],
  rules: path => [`Speculation-Rules: "${path}"`],
  dictionary: path => [`Link: <${path}>; rel=compression-dictionary`, 'Use-As-Dictionary: match="/*"'],
};

/** Each answer has the fields of the variant that ends its path. They name a path of the Pod: the variant, below `/loaded` and that path. */
const upstream = await startStrictUpstream(({ target }, socket) => {
  const fields = variants[target.slice(target.lastIndexOf('/') + 1)]?.(`${pod}/loaded${target}`) ?? [];
  const own = target.startsWith(`${pod}/loaded`) ? [] : fields;
  const head = ['HTTP/1.1 200 OK', 'Content-Type: application/json', 'Content-Length: 2', ...own];
  socket.write(`${head.join('\r\n')}\r\n\r\n{}`);
});
const kubeconfig = await upstream.writeKubeconfig();
const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
after(async () => {
  await proxy.stop('SIGKILL');
  await upstream.stop();
});

/** The paths whose answers made the browser load one of the Pod. */
const loading = () =>
  upstream.requests
    .filter(({ target }) => target.startsWith(`${pod}/loaded/`))
    .map(({ target }) => target.slice(`${pod}/loaded`.length));

test('in a browser no field of a JSON answer loads a path of a proxy subresource', async t => {
  const { page } = await openPage(t, browser, proxy.url);
  const visit = async (folder: string) => {
    const paths = Object.keys(variants).map(name => `${folder}/${name}`);
    for (const path of paths) {
      const tab = await page.context().newPage();
      // A refresh may replace the page while it is loaded.
      await tab.goto(proxy.url + path).catch(() => {});
    }
    return paths;
  };
  const json = await visit(group);
  assert.deepEqual(
    json.filter(path => !upstream.requests.some(({ target }) => target === path)),
    [],
  );
  // The same fields work from the Pod itself, which the guards leave as it is, so by then the others would have worked too.
  const own = await visit(pod);
  await eventually('every variant', () => own.every(path => loading().includes(path)));
  assert.deepEqual(
    loading().filter(path => !own.includes(path)),
    [],
  );
});
