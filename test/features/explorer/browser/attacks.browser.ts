import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { alertOf, type OpenedPage, openPage, startBrowser } from '../../../support/browser/page.js';
import type { KubeObject } from '../../../support/fake-api-server/objects.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
/** Hostile markup in many forms. Each would set `pwned`, send a request to another host, or leave an element behind. */
const markup =
  '<img class="evil" src="http://evil.example/x" onerror="pwned=1"><script class="evil">pwned=1</script>' +
  `"'><svg class="evil" onload="pwned=1"></svg><a class="evil" href="javascript:pwned=1">x</a>{{pwned=1}}`;
const link = 'javascript:pwned=1';

const { server, proxy } = await startStack(scope, {
  run: startProxyFor,
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
    spec: {
      containers: [{ name: markup, image: markup, envFrom: [{ configMapRef: { name: `a\u0000b` } }] }],
      ...{ nodeName: markup, serviceAccountName: 'a\nb' },
      volumes: [
        ...['..', '../x', 'a%2fb', '//evil.example', 'a\u202eb', 'a\u200bb', link].map(name => ({
          configMap: { name },
        })),
        { secret: { secretName: markup } },
        { persistentVolumeClaim: { claimName: 'a\\b' } },
      ],
    },
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
  const origins = await page.evaluate('[...document.links].map(({ href }) => new URL(href).origin)');
  assert.deepEqual([...new Set(origins as string[])], [proxy.url]);
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
      if (!view.endsWith('/pods/markup')) continue;
      // Of all that it names, one name is valid.
      const uses = await page
        .getByText(/^Uses /)
        .getByRole('link')
        .evaluateAll(links => links.map(({ hash }) => hash));
      assert.deepEqual(uses, [`#/api/v1/namespaces/default/configmaps/${link.replace('=', '%3D')}`]);
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

  it('in the token of the next page of a list', async t => {
    const row = { cells: [markup], object: { metadata: metadata('row') } };
    const remove = server.intercept(({ url = '' }, response) => {
      if (!url.startsWith('/api/v1/namespaces/default/services')) return false;
      const isFirst = !url.includes('continue=');
      const meta = isFirst ? { continue: `${markup}\u0000&x=y#\n/../..\u202e`, remainingItemCount: 1 } : {};
      const columnDefinitions = [{ name: 'Name', type: 'string' }];
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Table', metadata: meta, columnDefinitions, rows: [row] }));
      return true;
    });
    t.after(remove);
    const opened = await openPage(t, browser, proxy.url);
    const { page } = opened;
    await opened.go('/api/v1/namespaces/default/services');
    const next = page.locator('details').filter({ hasText: 'Next page' });
    await next.locator('summary').click();
    const command = await next.getByRole('region', { name: 'curl command' }).textContent();
    assert.match(
      command ?? '',
      /continue=%3Cimg%20class[\w%().!~*'\\-]*%00%26x%3Dy%23%0A%2F\.\.%2F\.\.%E2%80%AE'$/,
    );
    await assertHarmless(opened);
  });

  it('in an error of the API server', async t => {
    const remove = server.intercept(({ url = '' }, response) => {
      if (!/^\/api\/v1\/(?:namespaces\/default\/)?services/.test(url)) return false;
      response.writeHead(403, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', message: markup, reason: markup, code: 403 }));
      return true;
    });
    t.after(remove);
    const opened = await openPage(t, browser, proxy.url);
    await opened.go('/api/v1/namespaces/default/services');
    await alertOf(opened.page, 'class="evil"').waitFor();
    await assertHarmless(opened);
    // The choice of a namespace in the place of a table of all.
    await opened.go('/api/v1/services');
    await opened.page.locator('.choice').getByText('class="evil"').waitFor();
    await assertHarmless(opened);
  });
});

describe('a fragment with a path outside the API’s resources', () => {
  // One of each kind: requests.test.ts has the other spellings.
  const hostile = [
    ...[
      '//evil.example',
      '/\\evil.example',
      link,
      '/api/v1/../../-/metrics',
      '/api/v1/%2e%2e/%2e%2e/metrics',
    ],
    ...['/api/v1/namespaces/default/pods/web-0/proxy/admin', '/api/v1/namespaces/default/pods/web-0%2fproxy'],
    ...['/api/v1/namespaces/default/pods/web-0/exec?command=id', '/api/v1/nodes/node-0/proxy/metrics'],
    ...[
      '/clusters/other/api/v1/pods',
      '/clusters/one%2f..%2fgone/api/v1/pods',
      '/-/clusters',
      '%',
      '/%E0%A4%A/',
    ],
    ...['/logs/../metrics', '/api/v1/pods%0d%0aX: y', '/api/v1/namespaces/default/pods/web-0/log/x'],
    '/api/v1/pods?watch=true&pretty=1&labelSelector=%00&limit=0',
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
    for (const fragment of hostile.slice(0, 6)) {
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
      '/api/v1/namespaces/default/pods/a%15%0Atouch%20pwned%0A',
    ]) {
      await opened.go(fragment);
      await page.getByRole('heading', { name: 'Not in this API' }).waitFor();
      assert.equal(await page.locator('main').getByText('copy as').count(), 0);
    }
  });
});
