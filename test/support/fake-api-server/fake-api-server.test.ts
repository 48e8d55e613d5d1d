import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCertificateAuthority } from '../certificates/certificates.js';
import { requestApi } from '../clients/http-client.js';
import { startFakeApiServer } from './fake-api-server.js';

// That it answers as a real API server is shown beside one: test/apiserver/embedded-api-server.test.ts.

test('a server that requires client certificates ends the handshake without one or with a stranger’s', async t => {
  const server = await startFakeApiServer();
  t.after(() => server.kill());
  const stranger = await (await createCertificateAuthority()).client();
  for (const certificate of [null, stranger]) {
    await assert.rejects(requestApi(server, { path: '/version', certificate }));
  }
  assert.equal((await requestApi(server, { path: '/version' })).status, 200);
  assert.equal(server.requests.length, 1);
});
