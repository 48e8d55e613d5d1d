import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCertificateAuthority } from '../certificates/certificates.js';
import { requestApi } from '../clients/http-client.js';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';

interface Status {
  message: string;
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

let server: FakeApiServer;

before(async () => {
  server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens: { secret: { username: 'robot', groups: ['dev-team'] } },
    basic: { 'bob:pass': { username: 'bob' } },
    allow: (user, { verb, subresource, resource }) =>
      user.username === 'robot' &&
      (resource === 'selfsubjectreviews' || (verb === 'get' && subresource === '')),
  });
});

after(() => server.close());

test('a server that requires client certificates ends the handshake without one or with a stranger’s', async () => {
  const strict = await startFakeApiServer();
  try {
    const stranger = await (await createCertificateAuthority()).client();
    await assert.rejects(requestApi(strict, { path: '/version', certificate: null }));
    await assert.rejects(requestApi(strict, { path: '/version', certificate: stranger }));
    assert.equal((await requestApi(strict, { path: '/version' })).status, 200);
    assert.equal(strict.requests.length, 1);
  } finally {
    await strict.close();
  }
});

test('an invalid certificate gets a 401 if certificates are optional', async () => {
  const stranger = await (await createCertificateAuthority()).client();
  assert.equal((await requestApi(server, { path: '/version', certificate: stranger })).status, 401);
});

test('tokens and passwords identify their users, and the policy decides about them', async () => {
  const path = `${configMaps}/settings`;
  const as = (authorization: string, target: string) =>
    requestApi(server, { path: target, certificate: null, headers: { authorization } });
  assert.equal((await as('Bearer secret', path)).status, 200);
  assert.equal((await as('Bearer wrong', path)).status, 401);
  assert.equal((await as('Bearer toString', path)).status, 401);
  const refused = await as(`Basic ${Buffer.from('bob:pass').toString('base64')}`, path);
  assert.equal(refused.status, 403);
  assert.match((refused.json as Status).message, /User "bob" cannot get resource "configmaps"/);
  const exec = await as('Bearer secret', '/api/v1/namespaces/default/pods/web-0/exec?command=ls&stdout=1');
  assert.equal(exec.status, 403);
  assert.match((exec.json as Status).message, /cannot get resource "pods\/exec"/);
});

test('an administrator may impersonate with groups, uid and extra fields', async () => {
  const review = (headers: Record<string, string | string[]>) =>
    requestApi(server, {
      method: 'POST',
      path: selfReviews,
      headers: { 'Content-Type': 'application/json', ...headers },
      body: '{}',
    });
  const response = await review({
    'Impersonate-User': 'robot',
    'Impersonate-Group': ['a', 'b'],
    'Impersonate-Uid': '7',
    'Impersonate-Extra-Acme.com%2fproject': 'x',
  });
  assert.deepEqual((response.json as { status: { userInfo: object } }).status.userInfo, {
    username: 'robot',
    groups: ['a', 'b', 'system:authenticated'],
    uid: '7',
    extra: { 'acme.com/project': ['x'] },
  });
  const other = await review({ 'Impersonate-User': 'nobody' });
  assert.match((other.json as Status).message, /User "nobody" cannot create resource "selfsubjectreviews"/);
  assert.equal((await review({ 'Impersonate-Group': 'a' })).status, 400);
});
