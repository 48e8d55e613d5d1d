import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { eventually } from '../../support/eventually.js';
import { startManyStack } from '../../support/proxy/many-clusters.js';
import { startProxyFor } from '../../support/proxy/proxy.js';

const scope = { after };
const browser = await startBrowser(scope);

/** The server of the other pages, which are empty: a test puts in what it needs. */
const other = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html' });
  response.end('<!doctype html><title>other</title><link rel="icon" href="data:,"><body>');
}).listen(0);
after(() => other.close());
const { port: otherPort } = other.address() as AddressInfo;
/** By another port of the same host, and by another host: `same-site` and `cross-site`. */
const sites = [`http://127.0.0.1:${otherPort}`, `http://localhost:${otherPort}`] as const;
const [, allowed] = sites;

/** What a page can embed without asking: its markup for a URL. */
const embedded: Readonly<Record<string, (url: string) => string>> = {
  'a frame': url => `<iframe src="${url}"></iframe>`,
  'a sandboxed frame': url => `<iframe sandbox src="${url}"></iframe>`,
  'a frame without a Referer': url => `<iframe referrerpolicy="no-referrer" src="${url}"></iframe>`,
  'an object': url => `<object data="${url}"></object>`,
  'an embed': url => `<embed src="${url}">`,
  'an image': url => `<img src="${url}">`,
  'a CORS image': url => `<img crossorigin="use-credentials" src="${url}">`,
  'a stylesheet': url => `<link rel="stylesheet" href="${url}">`,
  'a video': url => `<video src="${url}"></video>`,
  'a form in a frame': url =>
    `<iframe name="target"></iframe><form id="form" target="target" action="${url}"></form>`,
};
/** What it can do by a script. */
const scripted: Readonly<Record<string, (url: string) => string>> = {
  'a fetch without CORS': url => `fetch('${url}', { mode: 'no-cors' })`,
  'a fetch with CORS': url => `fetch('${url}', { credentials: 'include' })`,
  'a POST without CORS': url => `fetch('${url}', { mode: 'no-cors', method: 'POST', body: '{}' })`,
  'a request with a preflight': url => `fetch('${url}', { method: 'DELETE' })`,
  'a beacon': url => `navigator.sendBeacon('${url}', 'x')`,
  'a script': url =>
    `document.body.append(Object.assign(document.createElement('script'), { src: '${url}' }))`,
  'a module': url => `import('${url}')`,
  'a script of a worker': url => `new Worker(URL.createObjectURL(new Blob(["importScripts('${url}')"])))`,
  'a WebSocket': url => `new WebSocket('${url.replace('http', 'ws')}')`,
  'server-sent events': url => `new EventSource('${url}')`,
  'a prefetch': url =>
    `document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: '${url}' }))`,
  'a speculative prefetch': url =>
    `document.head.append(Object.assign(document.createElement('script'), { type: 'speculationrules',
      text: '{"prefetch": [{"source": "list", "urls": ["${url}"], "eagerness": "immediate"}]}' }))`,
  'a speculative prerender': url =>
    `document.head.append(Object.assign(document.createElement('script'), { type: 'speculationrules',
      text: '{"prerender": [{"source": "list", "urls": ["${url}"], "eagerness": "immediate"}]}' }))`,
};

describe('a page of another site', async () => {
  const clusters = await startManyStack(scope, { run: startProxyFor, flags: ['--reject-paths='] });
  const { proxy, plugin } = clusters;
  for (const site of sites) {
    it(`at ${new URL(site).hostname} reaches no API and runs no exec plugin, whatever it embeds or loads`, async t => {
      const { page } = await openPage(t, browser, proxy.url);
      await page.goto(site);
      const folder = `/${new URL(site).hostname}`;
      const attempts = Object.entries({ ...embedded, ...scripted });
      const pathOf = (what: string) => `${folder}/${what.replaceAll(' ', '-')}`;
      const urlOf = (what: string) => `${proxy.url}/clusters/two${pathOf(what)}`;
      const markup = Object.entries(embedded).map(([what, write]) => write(urlOf(what)));
      await page.evaluate(`document.body.innerHTML = ${JSON.stringify(markup.join(''))}`);
      await page.evaluate('document.forms[0].submit()');
      for (const [what, write] of Object.entries(scripted)) {
        await page.evaluate(`void (async () => ${write(urlOf(what))})().catch(() => {})`);
      }
      const codes = () => new Map(proxy.log().map(({ path, code }) => [path, code]));
      for (const [what] of attempts) {
        await eventually(what, () => codes().has(pathOf(what)));
        assert.equal(codes().get(pathOf(what)), 403, what);
      }
      assert.equal(plugin.runs(), 0);
      assert.equal(clusters.dialledTwo(), 0);
      assert.deepEqual(clusters.arrivals(folder), []);
    });

    it(`at ${new URL(site).hostname} sees nothing of what its frames show, and cannot read it`, async t => {
      const { page } = await openPage(t, browser, proxy.url);
      await page.goto(site);
      for (const path of ['/api/v1/secrets', '/-/metrics', '/-/ui/', '/-/clusters', '/clusters/a/version']) {
        await page.evaluate(`document.body.innerHTML = '<iframe src="${proxy.url}${path}"></iframe>'`);
        const frame = await eventuallyFrame(page, `${proxy.url}${path}`);
        assert.match(await frame.content(), /another site(?: \(.*\))? may only link here/, path);
        const read = `fetch('${proxy.url}${path}').then(answer => answer.text()).catch(error => error.name)`;
        assert.equal(await page.evaluate(read), 'TypeError', path);
      }
    });
  }

  it('may link to the explorer and to the API, and its windows show them, but are not its own', async t => {
    for (const site of sites) {
      const { page } = await openPage(t, browser, proxy.url);
      await page.goto(site);
      const opened = async (script: string) => {
        const [popup] = await Promise.all([page.context().waitForEvent('page'), page.evaluate(script)]);
        return popup;
      };
      const explorer = await opened(`void (own = window.open('${proxy.url}/-/ui/'))`);
      await explorer.getByText('Paths that are not resources').waitFor();
      const title = '(() => { try { return own.document.title } catch (error) { return error.name } })()';
      assert.equal(await page.evaluate(title), 'SecurityError');
      await explorer.reload();
      await explorer.getByText('Paths that are not resources').waitFor();
      const version = await opened(`void window.open('${proxy.url}/clusters/a/version')`);
      await version.getByText('gitVersion').waitFor();
      await page.evaluate(`document.body.innerHTML = '<a href="${proxy.url}/-/ui/#/api/v1/pods">pods</a>'`);
      await page.getByRole('link').click();
      await page.getByRole('heading', { name: /pods/i }).first().waitFor();
      await page.goBack();
      await page.evaluate(
        `document.body.innerHTML = '<form action="${proxy.url}/version"><button>go</button></form>'`,
      );
      await page.getByRole('button').click();
      await page.getByText('gitVersion').waitFor();
    }
  });

  it('may not link to a proxy subresource, whose address a user may type', async t => {
    const path = '/api/v1/namespaces/default/services/web/proxy/linked';
    const { page } = await openPage(t, browser, proxy.url);
    await page.goto(allowed);
    await page.evaluate(`document.body.innerHTML = '<a href="${proxy.url}${path}">page</a>'`);
    await page.getByRole('link').click();
    await page.getByText(/another site(?: \(.*\))? may only link here/).waitFor();
    assert.deepEqual(clusters.arrivals(path), []);
    await page.goto('about:blank');
    await page.goto(`${proxy.url}${path}`);
    assert.equal(clusters.arrivals(path).length, 1);
  });

  it('opens a context by a link, which runs its exec plugin once', async t => {
    const { page } = await openPage(t, browser, proxy.url);
    await page.goto(allowed);
    await page.evaluate(`location.href = '${proxy.url}/clusters/two/version'`);
    await page.getByText('gitVersion').waitFor();
    assert.equal(plugin.runs(), 1);
  });
});

/** The frame of a page that shows a URL, loaded. */
async function eventuallyFrame(page: Page, url: string) {
  const find = () => page.frames().find(frame => frame.url() === url);
  await eventually(`a frame of ${url}`, () => find() !== undefined);
  const frame = find() as ReturnType<Page['mainFrame']>;
  await frame.waitForLoadState();
  return frame;
}
