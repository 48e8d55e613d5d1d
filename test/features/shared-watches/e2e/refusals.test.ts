import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { open, send } from '../../../support/clients/http-client.js';
import { openWatch } from '../../../support/clients/watch-client.js';
import { proxyToken, twoUsers } from '../../../support/identities/two-users.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';

const watch = '/api/v1/namespaces/default/pods?watch=true&resourceVersion=0';
const asAlice = { headers: { authorization: 'Bearer alice-token' } };

test("a 401 to the proxy's own credential becomes a 502 for watches that are shared, and ends the open ones without it", async t => {
  const { server, proxy, tokens } = await startGateway(t, {
    tokenFile: twoUsers,
    flags: ['--share-watches'],
  });
  const opened = await open(proxy.port, watch, asAlice);
  assert.equal(opened.statusCode, 200);
  let text = '';
  opened.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = once(opened, 'close');
  delete tokens[proxyToken];
  server.endWatches();
  await ended;
  assert.ok(opened.complete);
  assert.doesNotMatch(text, /Unauthorized|refuses/);
  for (const target of [watch, `${watch}&labelSelector=a%3Db`]) {
    const { status, json } = await send(proxy.port, target, asAlice);
    assert.equal(status, 502, target);
    assert.match((json as Error).message, /^the API server refuses the proxy's own credential/);
  }
});

const strict = "sandbox allow-downloads; frame-ancestors 'self'";

test('data of a shared watch are not sandboxed, and its refusal is if it is a page', async t => {
  const { server, proxy } = await startStack(t, { flags: ['--share-watches'] });
  const path = '/api/v1/namespaces/default/configmaps?watch=1';
  const fields = async () => {
    const watch = await openWatch(proxy.url + path);
    watch.close();
    return [
      watch.headers['content-security-policy'],
      watch.headers['x-content-type-options'],
      watch.headers['set-cookie'],
      watch.headers['nel'],
    ];
  };
  assert.deepEqual(await fields(), [undefined, 'nosniff', undefined, undefined]);
  let code = 200;
  server.intercept((request, response) => {
    if (!request.url?.includes('watch=1')) return false;
    response.writeHead(code, { 'Content-Type': 'text/html', 'Set-Cookie': 'a=1; Path=/', NEL: '{}' });
    response.end('<p>');
    return true;
  });
  for (code of [200, 403])
    assert.deepEqual(await fields(), [
      strict,
      'nosniff',
      ['a=1; Path=/api/v1/namespaces/default/'],
      undefined,
    ]);
});
