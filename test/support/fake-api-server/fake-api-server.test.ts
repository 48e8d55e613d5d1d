import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { createCertificateAuthority } from '../certificates/certificates.js';
import { requestApi } from '../clients/http-client.js';
import { startFakeApiServer } from './fake-api-server.js';
import type { ProxyEcho } from './proxy-echo.js';

// That it answers as a real API server is shown beside one: test/apiserver/embedded-api-server.test.ts.

const configMaps = '/api/v1/namespaces/default/configmaps';
const start = async (...options: Parameters<typeof startFakeApiServer>) => {
  const server = await startFakeApiServer(...options);
  after(() => server.kill());
  return server;
};
const server = await start();

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
