import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { alertOf, type OpenedPage, openPage, startBrowser } from '../../../support/browser/page.js';
import type { KubeObject } from '../../../support/fake-api-server/objects.js';
import { listenFor } from '../../../support/ports.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
/** Hostile markup in many forms. Each would set `pwned`, send a request to another host, or leave an element behind. */
const markup =
  '<img class="evil" src="http://evil.example/x" onerror="pwned=1"><script class="evil">pwned=1</script>' +
  `"'><svg class="evil" onload="pwned=1"></svg><a class="evil" href="javascript:pwned=1">x</a>{{pwned=1}}`;
const link = 'javascript:pwned=1';

const { server, proxy, port } = await startStack(scope, {
  flags: ['--reject-paths='],
  server: {
    customResources: [
      {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'things.evil.example', annotations: { markup } },
        spec: {
          group: 'evil.example',
          scope: 'Namespaced',
          names: {
            plural: 'things',
            singular: 'thing',
            kind: markup,
            shortNames: [markup],
            categories: [markup],
          },
          versions: [
            {
              name: 'v1',
              additionalPrinterColumns: [
                { name: markup, type: 'string', description: markup, jsonPath: '.spec.text' },
                { name: 'Status', type: markup, jsonPath: '.spec.text' },
                { name: 'Link', type: 'string', jsonPath: '.spec.link' },
              ],
              schema: {
                openAPIV3Schema: {
                  description: markup,
                  properties: { [markup]: { type: markup, description: markup, enum: [markup] } },
                },
              },
            },
          ],
        },
      },
    ],
  },
});
const browser = await startBrowser(scope);

const namespace = 'default';
const metadata = (name: string, more: object = {}) => ({
  ...{ name, namespace, uid: name, creationTimestamp: '2026-01-01T00:00:00Z' },
  ...{ labels: { markup }, annotations: { [markup]: markup, link }, finalizers: [markup] },
  ...more,
});
const owner = { apiVersion: 'evil.example/v1', kind: markup, name: markup, uid: 'owner' };
const conditions = [
  { type: markup, status: markup, reason: markup, message: markup, lastTransitionTime: markup },
];
const objects: readonly KubeObject[] = [
  {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: metadata('markup', { ownerReferences: [owner] }) },
    spec: { containers: [{ name: markup, image: markup }], nodeName: markup },
    status: { phase: markup, reason: markup, message: markup, podIP: markup, conditions },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('markup'), data: { [markup]: markup, link } },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('markup'),
    type: markup,
    data: { [markup]: markup },
  },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: markup, uid: 'n' }, status: { phase: markup } },
  {
    ...{ apiVersion: 'v1', kind: 'Event', metadata: metadata('markup.1'), type: markup, reason: markup },
    ...{ message: markup, count: 1, lastTimestamp: markup, source: { component: markup } },
    involvedObject: { kind: 'Pod', name: markup, namespace, uid: 'markup' },
  },
  {
    ...{ apiVersion: 'evil.example/v1', kind: markup, metadata: metadata('thing') },
    ...{ spec: { text: markup, link }, status: { conditions } },
  },
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
    metadata: { name: markup.replaceAll(/[/%]/g, ''), uid: 'role' },
  },
];
for (const object of objects) server.write(object);
for (let line = 0; line < 3; line++) server.appendLog(namespace, 'markup', `${markup}\u001b[31m\u202e`);

async function assertHarmless({ page, problems, requested }: OpenedPage): Promise<void> {
  assert.equal(await page.evaluate('typeof pwned'), 'undefined');
  assert.equal(await page.locator('.evil').count(), 0, 'no element came of the markup');
  const schemes = await page.evaluate('[...document.links].map(({ href }) => new URL(href).protocol)');
  assert.deepEqual([...new Set(schemes as string[])], ['http:']);
  assert.deepEqual(problems, []);
  assertOwn(requested);
}

function assertOwn(requested: readonly string[]): void {
  assert.deepEqual(
    requested.filter(url => new URL(url).host !== proxy.address),
    [],
  );
}

describe('the page shows markup from the API as text', () => {
  const views: Readonly<Record<string, string>> = {
    '/': 'Paths that are not resources',
    '/apis/evil.example/v1': 'class="evil"',
    '/apis/evil.example/v1/things': 'class="evil"',
    '/apis/evil.example/v1/things?view=fields': 'class="evil"',
    '/apis/evil.example/v1/things?view=access': 'remove an object',
    '/apis/evil.example/v1/things?watch=true': 'thing',
    '/apis/evil.example/v1/namespaces/default/things/thing': 'class="evil"',
    '/api/v1/pods': 'class="evil"',
    '/api/v1/namespaces': 'class="evil"',
    '/api/v1/namespaces/default/events': 'class="evil"',
    '/api/v1/namespaces/default/pods/markup': 'class="evil"',
    '/api/v1/namespaces/default/pods/markup/log': 'class="evil"',
    '/api/v1/namespaces/default/configmaps/markup': 'class="evil"',
    '/api/v1/namespaces/default/secrets': 'class="evil"',
    '/api/v1/namespaces/default/secrets/markup': 'class="evil"',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles': 'class="evil"',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.evil.example': 'class="evil"',
  };
  it('in every view', async t => {
    const opened = await openPage(t, browser, proxy.url);
    const { page } = opened;
    for (const [view, text] of Object.entries(views)) {
      await page.goto('about:blank');
      await opened.go(view);
      await page.locator('main').getByText(text).filter({ visible: true }).first().waitFor();
      for (const details of await page.locator('main details > summary').all()) await details.click();
      await assertHarmless(opened);
    }
  });

  it('in the fragment itself, and in an error about it', async t => {
    const opened = await openPage(t, browser, proxy.url);
    for (const fragment of [
      markup,
      encodeURIComponent(markup),
      `/api/v1/pods?labelSelector=${encodeURIComponent(markup)}`,
    ]) {
      await opened.page.goto('about:blank');
      await opened.go(fragment);
      await opened.page.getByRole('heading', { level: 1 }).waitFor();
      await assertHarmless(opened);
    }
  });

  it('in an error of the API server', async t => {
    const remove = server.intercept(({ url = '' }, response) => {
      if (!url.startsWith('/api/v1/services')) return false;
      response.writeHead(403, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', message: markup, reason: markup, code: 403 }));
      return true;
    });
    t.after(remove);
    const opened = await openPage(t, browser, proxy.url);
    await opened.go('/api/v1/services');
    await alertOf(opened.page, 'class="evil"').waitFor();
    await assertHarmless(opened);
  });
});

describe('a fragment with a path outside the API’s resources', () => {
  const hostile = [
    ...['//evil.example', '/\\evil.example', 'http://evil.example/', link, '/api/v1/../../-/metrics'],
    ...['/api/v1/namespaces/default/pods/../../../../../version', '/api/v1/./pods', '/api//v1/pods'],
    ...['/api/v1/%2e%2e/%2e%2e/metrics', '/api/v1/namespaces/default/pods/%2e%2e', '/api%2fv1%2fpods'],
    ...['/api/v1/namespaces/default/pods/web-0/proxy', '/api/v1/namespaces/default/pods/web-0/proxy/'],
    ...['/api/v1/namespaces/default/pods/web-0/proxy/admin', '/api/v1/namespaces/default/pods/web-0%2fproxy'],
    ...['/api/v1/namespaces/default/pods/web-0/exec?command=id'],
    ...['/api/v1/namespaces/default/pods/web-0/attach'],
    ...['/api/v1/namespaces/default/pods/web-0/portforward'],
    ...['/api/v1/namespaces/default/pods/web-0/eviction'],
    ...['/api/v1/namespaces/default/services/web/proxy', '/api/v1/nodes/node-0/proxy/metrics'],
    ...['/api/v1/nodes/node-0/proxy', '/api/v1/proxy/nodes/node-0', '/api/v1/watch/pods'],
    ...['/API/V1/pods', '/api/v1/Pods', '/apis/apps/v9/deployments', '/apis/nobody.example/v1/things'],
    ...['/clusters/other/api/v1/pods', '/clusters/%2e%2e/api/v1/pods', '/-/metrics', '/-/clusters'],
    ...['/logs/../metrics'],
    ...['/debug/pprof/', '/openapi/v3/../../metrics', '/version?x=1#y', '/api/v1/pods%00'],
    ...['/api/v1/pods%0d%0aX: y'],
    ...['/api/v1/namespaces/%2e%2e/pods', '/api/v1/namespaces/a%2f..%2fb/pods', '%', '/api/v1/%'],
    ...['/%E0%A4%A/'],
    ...['/api/v1/namespaces/default/pods;x=y', '/api/v1/pods?watch=true&pretty=1&labelSelector=%00&limit=0'],
    ...['/api/v1/namespaces/default/pods/web-0/log/x', '/api/v1/namespaces/default/configmaps/settings/log'],
  ];
  /** All requests that the page may send. */
  const known = [
    /^GET \/-\/(?:ui\/[\w.-]*|clusters)$/,
    /^GET \/(?:version|livez|readyz|healthz|metrics|logs\/|\.well-known\/openid-configuration)(?:\?verbose=true)?$/,
    /^GET \/openapi\/v[23](?:\/apis?\/[\w./]+)?$/,
    /^GET \/apis?$/,
    /^GET \/apis?(?:\/[\w.-]+){1,7}(?:\/log)?(?:\?[\w=&%.+-]*)?$/,
    /^POST \/apis\/auth(?:entication|orization)\.k8s\.io\/v1\/selfsubject\w*reviews$/,
  ];

  it('sends only requests for resources of the discovery, never connects to a Pod, and shows that there is nothing', async t => {
    const opened = await openPage(t, browser, proxy.url);
    const { page, requested } = opened;
    const asked: string[] = [];
    page.on('request', request => {
      asked.push(`${request.method()} ${request.url().slice(proxy.url.length)}`);
    });
    await opened.go('/');
    await page.getByText('Paths that are not resources').waitFor();
    for (const fragment of hostile) {
      await page.evaluate(`location.hash = ${JSON.stringify(fragment)}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      assert.equal(new URL(page.url()).origin, proxy.url, fragment);
      assert.equal(new URL(page.url()).pathname, '/-/ui/', fragment);
    }
    await page.goto('about:blank');
    for (const fragment of hostile.slice(0, 12)) {
      await opened.go(fragment);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }
    await assertHarmless(opened);
    const strange = asked.filter(line => !known.some(pattern => pattern.test(line)));
    assert.deepEqual(strange, []);
    const arrived = server.requests.map(({ method, rawUrl }) => `${method} ${rawUrl.split('?')[0]}`);
    const all = [...requested.map(url => new URL(url).pathname), ...arrived];
    assert.deepEqual(
      all.filter(url =>
        /\/(?:proxy|exec|attach|portforward|eviction|watch)(?:\/|$)|\.\.|%2e|%2f|\\/i.test(url),
      ),
      [],
    );
    for (const line of arrived) assert.match(line, /^GET |^POST .*selfsubject\w*reviews$/);
    for (const fragment of [
      ...['/api/v1/namespaces/default/pods/web-0/proxy', '/clusters/other/api/v1/pods', '/debug/pprof/'],
    ]) {
      await opened.go(fragment);
      await page.getByRole('heading', { name: 'Not in this API' }).waitFor();
    }
  });
});

describe('a page of another origin', async () => {
  const evil = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(
      `<!doctype html><title>evil</title><iframe src="${proxy.url}/-/ui/"></iframe><object data="${proxy.url}/-/ui/"></object>`,
    );
  });
  const evilPort = await listenFor({ after }, evil);
  const visit = async (page: Page) => {
    await page.goto(`http://127.0.0.1:${evilPort}/`);
  };

  it('cannot frame it', async t => {
    const { page } = await openPage(t, browser, proxy.url);
    await visit(page);
    assert.ok(page.frames().length > 1);
    for (const frame of page.frames().slice(1)) {
      await frame.waitForLoadState().catch(() => {});
      assert.doesNotMatch(await frame.content().catch(() => ''), /main-\w+\.js/);
    }
  });

  it('cannot read from the proxy, write to it, or open a WebSocket', async t => {
    const { page } = await openPage(t, browser, proxy.url);
    await visit(page);
    const attempt = (script: string) =>
      page.evaluate<string>(`(async () => ${script})().catch(error => error.name)`);
    for (const path of ['/-/ui/', '/-/clusters', '/api/v1/secrets']) {
      assert.equal(await attempt(`(await fetch('${proxy.url}${path}')).text()`), 'TypeError', path);
    }
    const before = server.requests.filter(({ method }) => method !== 'GET').length;
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
    await attempt(
      `(await fetch('${proxy.url}${path}', { method: 'POST', mode: 'no-cors', body: '{}' })).type`,
    );
    assert.equal(server.requests.filter(({ method }) => method !== 'GET').length, before);
    const opened = await page.evaluate(`new Promise(resolve => {
      const socket = new WebSocket('ws://127.0.0.1:${port}/api/v1/pods?watch=true');
      socket.onopen = () => resolve(true);
      socket.onerror = () => resolve(false);
    })`);
    assert.equal(opened, false);
  });

  it('cannot control a window that it opens', async t => {
    const { page } = await openPage(t, browser, proxy.url);
    await visit(page);
    const [popup] = await Promise.all([
      page.context().waitForEvent('page'),
      page.evaluate(`void (opened = open('${proxy.url}/-/ui/'))`),
    ]);
    await popup.getByText('Paths that are not resources').waitFor();
    const read = await page.evaluate(
      `(() => { try { return opened.document.title } catch (error) { return error.name } })()`,
    );
    assert.equal(read, 'SecurityError');
  });
});
