import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { createCertificateAuthority } from '../certificates/certificates.js';
import { type HttpAnswer, requestApi } from '../clients/http-client.js';
import { startFakeApiServer } from './fake-api-server.js';
import type { ProxyEcho } from './proxy-echo.js';

// That it answers as a real API server is shown beside one: test/apiserver/embedded-api-server.test.ts.

interface Stored {
  readonly metadata: { readonly labels?: Record<string, string> };
  readonly status?: Record<string, unknown>;
}

interface List {
  readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly Stored[];
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'Content-Type': 'application/json' };
const start = async (...options: Parameters<typeof startFakeApiServer>) => {
  const server = await startFakeApiServer(...options);
  after(() => server.kill());
  return server;
};
const server = await start();

const create = (path: string, name: string): Promise<HttpAnswer> =>
  requestApi(server, { method: 'POST', path, headers: json, body: JSON.stringify({ metadata: { name } }) });

test('a limited list continues where it stopped, until a compaction makes the continuation a 410', async () => {
  const page = (token: string) => requestApi(server, { path: `/api/v1/pods?limit=3&continue=${token}` });
  const first = (await page('')).json as List;
  assert.equal(first.items.length, 3);
  assert.equal(first.metadata.remainingItemCount, 1);
  const token = first.metadata.continue ?? '';
  const second = (await page(token)).json as List;
  assert.equal(second.items.length, 1);
  assert.equal(second.metadata.continue, undefined);
  await create(configMaps, 'after-the-list');
  server.compact();
  const expired = await page(token);
  assert.equal(expired.status, 410);
  assert.equal((expired.json as { reason: string }).reason, 'Expired');
});

test('a write that changes nothing keeps its version, and a status write changes only the status', async () => {
  const path = `${configMaps}/settings`;
  const first = await requestApi(server, { path });
  const put = await requestApi(server, { method: 'PUT', path, headers: json, body: first.body });
  assert.equal(put.text, first.text);
  const pod = '/api/v1/namespaces/team-0/pods/web-0';
  const before = (await requestApi(server, { path: pod })).json as Stored;
  const body = JSON.stringify({ metadata: { labels: { x: 'y' } }, status: { phase: 'Failed' } });
  const headers = { 'Content-Type': 'application/merge-patch+json' };
  const answer = await requestApi(server, { method: 'PATCH', path: `${pod}/status`, headers, body });
  const changed = answer.json as Stored;
  assert.equal(changed.status?.['phase'], 'Failed');
  assert.deepEqual(changed.metadata.labels, before.metadata.labels);
});

test('deleting a namespace deletes what is in it', async () => {
  const inside = '/api/v1/namespaces/short/configmaps';
  await create('/api/v1/namespaces', 'short');
  await create(inside, 'x');
  await requestApi(server, { method: 'DELETE', path: '/api/v1/namespaces/short' });
  assert.equal((await requestApi(server, { path: `${inside}/x` })).status, 404);
  assert.match((await create(inside, 'x')).text, /namespaces \\"short\\" not found/);
});

test('a proxied request comes back unchanged, with any method and path', async () => {
  const path = '/api/v1/namespaces/x/services/https:web:443/proxy/a%2Fb//c?x=&x=1&y';
  const body = Buffer.from([0, 255, 10]);
  const response = await requestApi(server, { method: 'PROPFIND', path, headers: { 'X-Odd': 'é' }, body });
  const { method, rawUrl, bodyBytes, sha256, rawHeaders } = response.json as ProxyEcho;
  const sum = createHash('sha256').update(body).digest('hex');
  assert.deepEqual([method, rawUrl, bodyBytes, sha256], ['PROPFIND', path, 3, sum]);
  assert.ok(rawHeaders.includes('X-Odd'));
});

test('a server that requires client certificates ends the handshake without one or with a stranger’s', async () => {
  const stranger = await (await createCertificateAuthority()).client();
  const strict = await start();
  for (const certificate of [null, stranger]) {
    await assert.rejects(requestApi(strict, { path: '/version', certificate }));
  }
  assert.equal((await requestApi(strict, { path: '/version' })).status, 200);
  assert.equal(strict.requests.length, 1);
});

test('certificates, tokens and passwords identify their users, and the policy decides about them', async () => {
  const optional = await start({
    clientCertificates: 'optional',
    tokens: { secret: { username: 'robot', groups: ['dev-team'] } },
    basic: { 'bob:pass': { username: 'bob' } },
    allow: (user, { verb, subresource }) => user.username === 'robot' && verb === 'get' && subresource === '',
  });
  const path = `${configMaps}/settings`;
  const stranger = await (await createCertificateAuthority()).client();
  assert.equal((await requestApi(optional, { path, certificate: stranger })).status, 401);
  const basic = `Basic ${Buffer.from('bob:pass').toString('base64')}`;
  const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=ls&stdout=1';
  for (const [authorization, target, status, text] of [
    ['Bearer secret', path, 200, /"blue"/],
    ['Bearer wrong', path, 401, /Unauthorized/],
    ['Bearer toString', path, 401, /Unauthorized/],
    [basic, path, 403, /User \\"bob\\" cannot get resource \\"configmaps\\"/],
    ['Bearer secret', exec, 403, /cannot get resource \\"pods\/exec\\"/],
  ] as const) {
    const question = { path: target, certificate: null, headers: { authorization } };
    const answer = await requestApi(optional, question);
    assert.equal(answer.status, status, authorization);
    assert.match(answer.text, text);
  }
});
