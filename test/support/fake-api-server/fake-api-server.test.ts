import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type HttpAnswer, requestApi } from '../clients/http-client.js';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';
import type { ProxyEcho } from './proxy-echo.js';

interface Stored {
  metadata: {
    name: string;
    resourceVersion: string;
    generation?: number;
    labels?: Record<string, string>;
  };
  data?: Record<string, string>;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

interface List {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: Stored[];
}

interface Status {
  message: string;
  reason: string;
  code: number;
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'Content-Type': 'application/json' };

let server: FakeApiServer;

before(async () => {
  server = await startFakeApiServer();
});

after(() => server.close());

function create(name: string, more: object = {}): Promise<HttpAnswer> {
  const body = JSON.stringify({ metadata: { name }, ...more });
  return requestApi(server, { method: 'POST', path: configMaps, headers: json, body });
}

function patch(name: string, type: string, body: unknown, query = ''): Promise<HttpAnswer> {
  const headers = { 'Content-Type': `application/${type}` };
  const path = `${configMaps}/${name}${query}`;
  return requestApi(server, { method: 'PATCH', path, headers, body: JSON.stringify(body) });
}

test('label selectors select by equality, set and presence', async () => {
  for (const tier of ['front', 'back', 'cache'])
    await create(`tier-${tier}`, { metadata: { name: `tier-${tier}`, labels: { tier } } });
  const names = async (selector: string) => {
    const path = `${configMaps}?labelSelector=${encodeURIComponent(selector)}`;
    const list = (await requestApi(server, { path })).json as List;
    return list.items.map(item => item.metadata.name.slice(5)).join(' ');
  };
  assert.equal(await names('tier=front'), 'front');
  assert.equal(await names('tier!=front,tier'), 'back cache');
  assert.equal(await names('tier in (back, cache),tier notin (cache)'), 'back');
  const without = await requestApi(server, { path: `${configMaps}?labelSelector=!tier` });
  assert.ok((without.json as List).items.every(item => item.metadata.labels?.['tier'] === undefined));
  for (const selector of [
    'labelSelector=a b c',
    'labelSelector=a=b=c',
    'labelSelector=a in b',
    'fieldSelector=x',
  ]) {
    assert.equal((await requestApi(server, { path: encodeURI(`${configMaps}?${selector}`) })).status, 400);
  }
  const one = await requestApi(server, {
    path: `/api/v1/configmaps?fieldSelector=metadata.name=settings,metadata.namespace=team-0`,
  });
  assert.equal((one.json as List).items.length, 1);
});

test('a limited list continues where it stopped, until a compaction makes the continuation a 410', async () => {
  const page = async (token: string) =>
    requestApi(server, { path: `/api/v1/pods?limit=3&continue=${token}` });
  const first = (await page('')).json as List;
  assert.equal(first.items.length, 3);
  assert.equal(first.metadata.remainingItemCount, 1);
  const token = first.metadata.continue ?? '';
  const second = (await page(token)).json as List;
  assert.equal(second.items.length, 1);
  assert.equal(second.metadata.continue, undefined);
  await create('after-the-list');
  server.compact();
  const expired = await page(token);
  assert.equal(expired.status, 410);
  assert.equal((expired.json as Status).reason, 'Expired');
  assert.equal((await page('garbage')).status, 400);
});

test('each kind of patch changes only what it names', async () => {
  await create('patched', { data: { a: '1', b: '2' } });
  const merged = await patch('patched', 'merge-patch+json', { data: { a: null, c: '3' } });
  assert.deepEqual((merged.json as Stored).data, { b: '2', c: '3' });
  const operations = [
    { op: 'test', path: '/data/b', value: '2' },
    { op: 'remove', path: '/data/b' },
    { op: 'add', path: '/data/x~1y', value: '2' },
    { op: 'add', path: '/metadata/labels', value: { l: '1' } },
  ];
  const moved = await patch('patched', 'json-patch+json', operations);
  assert.deepEqual((moved.json as Stored).data, { c: '3', 'x/y': '2' });
  const failed = await patch('patched', 'json-patch+json', [{ op: 'remove', path: '/data/none' }]);
  assert.equal(failed.status, 422);
  const strategic = await patch('patched', 'strategic-merge-patch+json', {
    metadata: { labels: { m: '2' } },
  });
  assert.deepEqual((strategic.json as Stored).metadata.labels, { l: '1', m: '2' });
  for (const unknown of ['x-patch', 'apply-patch+yaml']) {
    assert.equal((await patch('patched', unknown, {})).status, 415);
  }
  const stale = { metadata: { resourceVersion: '1' } };
  assert.equal((await patch('patched', 'merge-patch+json', stale)).status, 409);
});

test('a write that changes nothing keeps its version, and a status write changes only the status', async () => {
  await create('same', { data: { a: '1' } });
  const first = await requestApi(server, { path: `${configMaps}/same` });
  const put = await requestApi(server, {
    method: 'PUT',
    path: `${configMaps}/same`,
    headers: json,
    body: first.body,
  });
  assert.equal(put.text, first.text);
  const pod = '/api/v1/namespaces/team-0/pods/web-0';
  const before = (await requestApi(server, { path: pod })).json as Stored;
  const change = { metadata: { labels: { x: 'y' } }, status: { phase: 'Failed' } };
  const headers = { 'Content-Type': 'application/merge-patch+json' };
  const body = JSON.stringify(change);
  const after = await requestApi(server, { method: 'PATCH', path: `${pod}/status`, headers, body });
  assert.equal((after.json as Stored).status?.['phase'], 'Failed');
  assert.deepEqual((after.json as Stored).metadata.labels, before.metadata.labels);
});

test('deleting a namespace deletes what is in it', async () => {
  const body = '{"metadata":{"name":"short"}}';
  await requestApi(server, { method: 'POST', path: '/api/v1/namespaces', headers: json, body });
  const inside = '/api/v1/namespaces/short/configmaps';
  await requestApi(server, {
    method: 'POST',
    path: inside,
    headers: json,
    body: '{"metadata":{"name":"x"}}',
  });
  await requestApi(server, { method: 'DELETE', path: '/api/v1/namespaces/short' });
  assert.equal((await requestApi(server, { path: `${inside}/x` })).status, 404);
  const late = await requestApi(server, {
    method: 'POST',
    path: inside,
    headers: json,
    body: '{"metadata":{"name":"x"}}',
  });
  assert.equal((late.json as Status).message, 'namespaces "short" not found');
});

test('a verb that a resource does not have gets a 405, and an unknown form gets a 406', async () => {
  const method = await requestApi(server, { method: 'PUT', path: configMaps, body: '{}' });
  assert.equal((method.json as Status).reason, 'MethodNotAllowed');
  assert.equal(method.status, 405);
  const named = await requestApi(server, { method: 'POST', path: `${configMaps}/settings`, body: '{}' });
  assert.equal(named.status, 405);
  const form = await requestApi(server, { path: configMaps, headers: { Accept: 'image/png' } });
  assert.equal(form.status, 406);
});

test('resources, version and discovery reject a HEAD and other methods, and health accepts any', async () => {
  const path = `${configMaps}/settings`;
  for (const target of [path, configMaps, `${configMaps}?watch=true`, '/version', '/api', '/apis/apps/v1']) {
    for (const method of ['HEAD', 'OPTIONS', 'PROPFIND'])
      assert.equal((await requestApi(server, { method, path: target })).status, 405, `${method} ${target}`);
  }
  for (const method of ['HEAD', 'POST'])
    assert.equal((await requestApi(server, { method, path: '/livez' })).status, 200);
});

test('a watch from what is no version gets a 500 without a reason', async () => {
  const { status, body } = await requestApi(server, { path: `${configMaps}?watch=true&resourceVersion=abc` });
  assert.equal(status, 500);
  assert.deepEqual(JSON.parse(String(body)), {
    ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500 },
    message: 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
  });
});

test('a client can get only the metadata, of one object or of a list', async () => {
  const as = (form: string) => ({ Accept: `application/json;as=${form};v=v1;g=meta.k8s.io` });
  const one = await requestApi(server, {
    path: `${configMaps}/settings`,
    headers: as('PartialObjectMetadata'),
  });
  assert.deepEqual(Object.keys(one.json as Record<string, unknown>), ['kind', 'apiVersion', 'metadata']);
  const list = await requestApi(server, { path: configMaps, headers: as('PartialObjectMetadataList') });
  assert.equal((list.json as Record<string, unknown>)['kind'], 'PartialObjectMetadataList');
});

test('a proxied request comes back unchanged, with any method and path', async () => {
  const path = '/api/v1/namespaces/x/services/https:web:443/proxy/a%2Fb//c?x=&x=1&y';
  const body = Buffer.from([0, 255, 10]);
  const response = await requestApi(server, { method: 'PROPFIND', path, headers: { 'X-Odd': 'é' }, body });
  const echo = response.json as ProxyEcho;
  assert.equal(echo.method, 'PROPFIND');
  assert.equal(echo.rawUrl, path);
  assert.equal(echo.bodyBytes, 3);
  assert.equal(echo.sha256, createHash('sha256').update(body).digest('hex'));
  assert.ok(echo.rawHeaders.includes('X-Odd'));
});
