import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { ask, connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { eventually } from '../../../support/eventually.js';
import { adminPort } from '../../../support/proxy/admin-listener.js';
import { readSamples, sumOf } from '../../../support/proxy/own-metric.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startGateway } from '../../../support/proxy/stack.js';

const files = await createServingFiles();
const ca = files.authority.certificate;
const { proxy, port } = await startGateway(
  { after },
  {
    run: startProxyFor,
    ...{ tokenFile: 'alice-token,alice,,\n', server: { allow: () => true } },
    flags: [...files.flags, '--admin-port=0', '--log-requests=none'],
  },
);
const admin = await adminPort(proxy);
const resets = async () =>
  sumOf(readSamples((await send(admin, '/metrics')).text), 'kube_api_proxy_strangers_reset_total', {
    reason: 'memory',
  });

test('thousands of streams of strangers who take no answer are reset, and callers go on', async t => {
  const connect = async (settings = {}) => {
    const session = await connectHttp2(port, ca, { settings });
    t.after(() => session.destroy());
    return session;
  };
  const headers = { authorization: 'Bearer alice-token' };
  const [caller, slow] = [await connect(), await connect({ initialWindowSize: 0 })];
  const watch = openStream(caller, '/api/v1/namespaces/default/pods?watch=1', headers);
  assert.equal((await headOf(watch))[':status'], 200);
  const unread = openStream(slow, '/version', headers);
  assert.equal((await headOf(unread))[':status'], 200);
  assert.equal(caller.remoteSettings.maxConcurrentStreams, 250);
  // More than 32 MB, of at least 16 KB each.
  for (let count = 0; count < 110; count += 1) {
    const session = await connect({ initialWindowSize: 0 });
    await eventually('SETTINGS', () => session.remoteSettings.maxConcurrentStreams === 20);
    for (let stream = 0; stream < 20; stream += 1) openStream(session, count % 2 ? '/api' : '/-/');
    assert.equal((await ask(caller, '/version', { headers })).status, 200);
  }
  await eventually('resets', async () => (await resets()) > 0);
  assert.ok((await resets()) < 1_000, 'the newest ones wait');
  assert.equal((await ask(caller, '/version', { headers })).status, 200);
  assert.ok(!watch.closed);
  assert.ok(!unread.closed);
});
