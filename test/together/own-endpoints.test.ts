import assert from 'node:assert/strict';
import { it } from 'node:test';
import { send } from '../support/clients/http-client.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { startStack } from '../support/proxy/stack.js';

it('the index has the endpoints of the features, and then those of the core', async t => {
  const { port } = await startStack(t, {});
  const { text } = await send(port, '/-/');
  assert.deepEqual(
    text.split('\n').map(line => line.split(' ')[0]),
    ['ui/', 'sign-in', 'rules', 'kubeconfig', 'clusters', 'metrics', 'livez', 'readyz']
      .map(name => `/-/${name}`)
      .concat(''),
  );
});

it('the page is served over TLS and HTTP/2 to callers without a credential', async t => {
  const secure = await startStack(t, {
    run: startProxyFor,
    tls: true,
    flags: ['--token-auth-file=/dev/null'],
  });
  const session = await connectHttp2(secure.port, secure.ca);
  t.after(() => session.destroy());
  const [script = ''] = /main-[^"]+\.js/.exec((await ask(session, '/-/ui/')).text) ?? [];
  for (const path of ['/-/ui/', `/-/ui/${script}`, '/-/'])
    assert.equal((await ask(session, path)).status, 200, path);
  assert.equal((await ask(session, '/-/clusters')).status, 401);
  assert.equal((await ask(session, '/-/ui/', { headers: { host: 'evil.example' } })).status, 403);
});
