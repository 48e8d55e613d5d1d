import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { clientRequests, toBytes } from '../e2e/leg.js';
import { open, send } from '../support/clients/http-client.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { until } from '../support/eventually.js';
import { twoUsers } from '../support/identities/two-users.js';
import { jsonLines } from '../support/json-lines.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const alice = { authorization: 'Bearer alice-token' };
const bob = { authorization: 'Bearer bob-token' };
const pods = '/api/v1/namespaces/default/pods';

async function start(t: TestContext, args: readonly string[]) {
  const gateway = await startGateway(t, { run: startInProcess, tokenFile: twoUsers, flags: args });
  return { ...gateway, port: gateway.proxy.port };
}

test("a user's limits apply to that user on every address, and to no other user on the same address", async t => {
  const { port, server } = await start(t, [
    '--max-requests-inflight-per-user=2',
    '--max-longrunning-requests-per-user=1',
  ]);
  const waiting: http.ServerResponse[] = [];
  server.intercept((request, response) => {
    if (!request.url?.startsWith(`${pods}/slow`)) return false;
    waiting.push(response);
    return true;
  });
  const elsewhere = new http.Agent({ keepAlive: true, localAddress: '127.0.0.2' });
  t.after(() => elsewhere.destroy());
  const held = [
    send(port, `${pods}/slow`, { headers: alice }),
    send(port, `${pods}/slow`, { headers: alice, agent: elsewhere }),
  ];
  await until(() => waiting.length === 2);
  const refused = await send(port, pods, { headers: alice });
  assert.equal(refused.status, 429);
  assert.match(refused.text, /of yours .*--max-requests-inflight-per-user \(2\)/);
  assert.equal((await send(port, '/version', { headers: bob })).status, 200);
  // Without a credential there is no user, and no slot is used.
  for (let turn = 0; turn < 5; turn++) assert.equal((await send(port, pods)).status, 401);

  const watch = await open(port, `${pods}?watch=1`, { headers: alice });
  assert.equal(watch.statusCode, 200);
  for (const leg of ['websocket', 'spdy'] as const) {
    const connection = await connectRaw(port);
    t.after(() => connection.destroy());
    connection.write(
      toBytes({ leg, target: `${pods}/web-0/portforward`, headers: ['Authorization: Bearer alice-token'] }),
    );
    assert.match(await connection.untilClosed(), /^HTTP\/1\.1 429 /, leg);
  }
  watch.destroy();
  for (const response of waiting) response.end('{}');
  await Promise.all(held);
  assert.equal((await send(port, pods, { headers: alice })).status, 200);
});

test('every event of the audit log names the caller, and no credential', async t => {
  const folder = temporaryFolder();
  const path = join(folder, 'audit.log');
  const { port, server, proxy } = await start(t, [`--audit-log-path=${path}`]);
  await send(port, pods, { headers: alice });
  await send(port, pods, { headers: bob });
  await send(port, pods);
  await send(port, pods, { headers: { authorization: 'Bearer S3CRET' } });
  await send(port, pods, { headers: { ...bob, 'impersonate-user': 'alice' } });
  const connection = await connectRaw(port);
  t.after(() => connection.destroy());
  const token = Buffer.from('alice-token').toString('base64url');
  const exec = `${pods}/web-0/exec?command=id&stdout=true`;
  const bytes = toBytes({ leg: 'websocket', target: exec }).toString('latin1');
  connection.write(
    bytes.replace('v5.channel.k8s.io', `v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${token}`),
  );
  await connection.until(/^HTTP\/1\.1 101 /);
  connection.socket.end();
  await connection.untilClosed();
  connection.destroy();
  await proxy.stop();
  const text = readFileSync(path, 'utf8');
  for (const secret of ['alice-token', 'bob-token', 'S3CRET', token])
    assert.ok(!text.includes(secret), secret);
  const events = jsonLines<Record<string, unknown> & { responseStatus?: { code: number } }>(text);
  const aliceUser = { username: 'alice', groups: ['dev', 'system:authenticated'] };
  const bobUser = { username: 'bob', groups: ['system:authenticated'] };
  assert.deepEqual(
    events.map(({ stage, user, impersonatedUser, responseStatus, annotations }) => [
      stage,
      user,
      impersonatedUser,
      responseStatus?.code,
      (annotations as Record<string, string> | undefined)?.['kube-api-proxy/rejected-by'],
    ]),
    [
      ['ResponseComplete', aliceUser, undefined, 200, undefined],
      ['ResponseComplete', bobUser, undefined, 403, undefined],
      ['ResponseComplete', {}, undefined, 401, 'unauthenticated'],
      ['ResponseComplete', {}, undefined, 401, 'unauthenticated'],
      ['ResponseComplete', {}, undefined, 403, 'impersonation'],
      ['RequestReceived', aliceUser, undefined, undefined, undefined],
      ['ResponseStarted', aliceUser, undefined, 101, undefined],
      ['ResponseComplete', aliceUser, undefined, 101, undefined],
    ],
  );
  const sent = clientRequests(server).find(({ rawUrl }) => rawUrl === exec);
  assert.equal(sent?.headers['audit-id'], events.at(-1)?.['auditID']);
});

test('a made-up user does not count: a request that is rejected for lack of a credential uses no share', async t => {
  const { port, proxy } = await start(t, [
    '--admin-port=0',
    '--admin-address=127.0.0.1',
    '--max-requests-inflight-per-user=5',
  ]);
  for (let user = 0; user < 50; user++) {
    const { status } = await send(port, pods, { headers: { authorization: `Bearer made-up-${user}` } });
    assert.equal(status, 401);
  }
  const { text } = await send(await adminPort(proxy), '/metrics');
  assert.match(text, /^kube_api_proxy_users 0$/m);
  assert.match(text, /^kube_api_proxy_rejected_requests_total\{reason="user_inflight"\} 0$/m);
  assert.match(text, /^kube_api_proxy_rejected_requests_total\{reason="unauthenticated"\} 50$/m);
});
