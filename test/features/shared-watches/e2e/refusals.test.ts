import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWatch } from '../../../support/clients/watch-client.js';
import { startStack } from '../../../support/proxy/stack.js';

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
