import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { send as sendRaw } from '../e2e/leg.js';
import { send } from '../support/clients/http-client.js';
import { openWatch } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import type { ServerEvent } from '../support/kube-apiserver/audit-log.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { AskedWebhook } from '../support/upstreams/asked-webhook.js';

test('an audit event has the decision and the reason of the authorization webhook that denies, and its name', async t => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const webhook = await AskedWebhook.start(t);
  const { proxy } = await startGateway(t, {
    tokenFile: 'alice-token,alice,,\n',
    flags: [`--authorization-config=${webhook.file}`, `--audit-log-path=${auditLog}`],
  });
  webhook.decide = ({ nonResourceAttributes }) =>
    nonResourceAttributes?.path === '/version' ? { denied: true, reason: 'closed' } : 400;
  for (const target of ['/version', '/healthz']) {
    await sendRaw(proxy.port, { target, headers: ['Authorization: Bearer alice-token'] });
  }
  let annotations: readonly unknown[] = [];
  await eventually('the events', async () => {
    const events = jsonLines<ServerEvent>(await readFile(auditLog, 'utf8'));
    annotations = ['/version', '/healthz'].map(
      path => events.findLast(event => event.requestURI === path)?.annotations,
    );
    return annotations.every(found => found !== undefined);
  });
  assert.deepEqual(annotations, [
    {
      'kube-api-proxy/denied-by': 'policy',
      'authorization.k8s.io/decision': 'forbid',
      'authorization.k8s.io/reason': 'closed',
      'kube-api-proxy/rejected-by': 'webhook_denied',
    },
    {
      'kube-api-proxy/denied-by': 'policy',
      'authorization.k8s.io/reason': 'internal error',
      'kube-api-proxy/rejected-by': 'webhook_error',
    },
  ]);
});

for (const [who, second, flags] of [
  ['client of the same user', 'alice', []],
  ['client of another user', 'carol', ['--share-watches-across-users']],
] as const) {
  test(`a ${who} joins a shared watch only if the authorization webhooks let it watch, whatever they said before`, async t => {
    const webhook = await AskedWebhook.start(t, {
      cacheAuthorizedRequests: false,
      cacheUnauthorizedRequests: false,
    });
    const { proxy, server } = await startGateway(t, {
      tokenFile: 'alice-token,alice,,\ncarol-token,carol,,\n',
      flags: [`--authorization-config=${webhook.file}`, '--share-watches', ...flags],
      // Without APIServices, what is built in is shared.
      server: { allow: ({ username }, { verb }) => username !== 'proxy' || verb === 'impersonate' },
    });
    const pods = '/api/v1/namespaces/default/pods';
    const headersOf = (user: string) => ({ authorization: `Bearer ${user}-token` });
    webhook.decide = () => ({ allowed: true });
    const list = (await send(proxy.port, pods, { headers: headersOf('alice') })).json as {
      metadata: { resourceVersion: string };
    };
    const path = `${pods}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    const watch = async (user: string) => {
      const client = await openWatch(proxy.url + path, { headers: headersOf(user) });
      t.after(() => client.close());
      return client;
    };
    const [alice, other] = [await watch('alice'), await watch(second)];
    const watches = () => server.openWatches.filter(({ rawUrl }) => rawUrl.startsWith(pods)).length;
    assert.deepEqual([alice.status, other.status, watches()], [200, 200, 1], 'they share a watch');
    webhook.decide = ({ user }) =>
      user === second ? { denied: true, reason: 'no more' } : { allowed: true };
    const refused = await watch(second);
    assert.equal(refused.status, 403);
    await refused.ended;
    assert.match(String(refused.bytes()), /cannot watch resource .*: no more/);
    assert.equal(watches(), 1);
    if (second === 'alice') return;
    server.cut();
    assert.equal(await other.ended, 'end', 'when the watch is opened again');
    await eventually('the watch', () => watches() === 1);
    assert.equal(alice.state(), 'open');
  });
}
